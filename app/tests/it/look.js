// Opens every page in a frame of a phone's and of a desk's width, and tells the test what is wrong with it.
const wrong = [];
let page;
const note = (what) => wrong.push(`${page}: ${what}`);

const channels = (color) => color.match(/[\d.]+/g).map(Number);

function luminance(color) {
  const [r, g, b] = channels(color).map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function background(element) {
  for (let e = element; e; e = e.parentElement) {
    const color = e.ownerDocument.defaultView.getComputedStyle(e).backgroundColor;
    if ((channels(color)[3] ?? 1) === 1) return color;
  }
  return "rgb(255, 255, 255)";
}

// WCAG 2.2, level AA: 4.5 to 1, and 3 to 1 for large letters.
function contrast(document, view) {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    const style = view.getComputedStyle(element);
    if (!text || element.closest(".unseen, datalist, option") || !element.getClientRects().length) continue;
    const [light, dark] = [luminance(style.color), luminance(background(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) note(`the contrast of "${text}" is ${ratio.toFixed(2)}`);
  }
}

function look(document, view, width) {
  const all = (selector) => [...document.querySelectorAll(selector)];
  if (document.documentElement.scrollWidth > width) note(`it is ${document.documentElement.scrollWidth} wide`);
  for (const one of ["h1", "main", "nav[aria-label]", "html[lang]", "title"])
    if (all(one).length !== 1) note(`it has ${all(one).length} of ${one}`);
  if (view.getComputedStyle(document.body).display !== "flex") note("its style was not loaded");
  const ids = all("[id]").map((e) => e.id);
  if (new Set(ids).size !== ids.length) note("an id is there twice");
  for (const e of all("[aria-describedby], [aria-labelledby]"))
    for (const id of `${e.getAttribute("aria-describedby") ?? ""} ${e.getAttribute("aria-labelledby") ?? ""}`.split(" "))
      if (id && !document.getElementById(id)) note(`there is no ${id}`);
  for (const a of all('a[href^="#"]'))
    if (!document.getElementById(a.hash.slice(1))) note(`${a.hash} leads nowhere`);
  for (const e of all("input:not([type=hidden]), select, textarea"))
    if (!e.labels.length) note(`${e.name} has no label`);
  for (const e of all("[tabindex]")) if (e.tabIndex > 0) note("something jumps the queue of the Tab key");
  for (const e of all("a, button, input:not([type=hidden]), select")) {
    if (!e.textContent.trim() && !e.labels?.length) note(`${e.outerHTML} says nothing`);
    const box = e.getBoundingClientRect();
    const inText = e.matches("p a, li a, td a");
    if (box.height < 24 && !inText) note(`${e.outerHTML} is ${box.height} high`);
    e.focus({ focusVisible: true });
    const style = view.getComputedStyle(e);
    if (document.activeElement !== e) note(`${e.outerHTML} cannot be reached`);
    else if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) note(`${e.outerHTML} does not show that it has the focus`);
  }
  contrast(document, view);
}

// As a person does it: the browser itself sends the forms, with the cookies and the origin that it chooses.
async function walk() {
  page = "the walk";
  const frame = document.createElement("iframe");
  const go = async (act) => {
    const loaded = new Promise((done) => (frame.onload = done));
    act();
    await loaded;
  };
  const send = async (action, fields, said) => {
    const form = frame.contentDocument.querySelector(`form[action="${action}"]`);
    if (!form) return note(`there is no form for ${action} at ${frame.contentWindow.location.pathname}`);
    for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
    await go(() => form.querySelector("button").click());
    const text = frame.contentDocument.body.innerText;
    if (!text.includes(said)) note(`after ${action} there is no "${said}" but: ${text}`);
  };
  const [name, password] = [`walker-${Date.now()}`, "correct horse battery"];
  await go(() => {
    frame.src = "/register";
    document.body.append(frame);
  });
  await send("/register", { name, password }, "You are registered");
  await send("/sign-in", { name, password }, "You have no account yet");
  await send("/accounts", { name: "One", opening: "10.00" }, "The account is open");
  await send("/accounts", { name: "Two", opening: "0.00" }, "The account is open");
  const ids = [...frame.contentDocument.querySelectorAll("code")].map((code) => code.textContent);
  await send("/transfers", { from: ids[0], to: ids[1], amount: "2.50" }, "The transfer is made");
  await go(() => frame.contentDocument.querySelector('a[href="/"]').click());
  await send("/rows/populate", {}, "A row of sample data was added");
  await send("/rows/delete", {}, "All sample rows were removed");
  await send("/sign-out", {}, "You are signed out");
  frame.remove();
}

async function run(pages) {
  let looked = 0;
  await walk();
  for (const width of [360, 1280])
    for (const path of pages) {
      page = `${path} at ${width}`;
      const frame = document.createElement("iframe");
      frame.style = `border: 0; width: ${width}px; height: 800px`;
      frame.src = path;
      document.body.append(frame);
      await new Promise((done) => (frame.onload = done));
      look(frame.contentDocument, frame.contentWindow, width);
      frame.remove();
      looked += 1;
    }
  await fetch("/found", { method: "POST", body: JSON.stringify({ looked, wrong }), headers: { "content-type": "application/json" } });
}
