//! The page, as a browser without JavaScript uses it.

use std::collections::BTreeMap;

use reqwest::{Client, StatusCode};

use crate::{
    support::{
        app::{App, PASSWORD, Settings},
        postgres,
    },
    users::admin,
};

/// A browser without JavaScript: cookies, links, forms, and redirects.
pub(crate) struct Browser<'a> {
    app: &'a App,
    pub(crate) client: Client,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app, client: Client::builder().cookie_store(true).build().unwrap() }
    }

    pub(crate) async fn open(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.app.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Fills in the form of that action on that page, and sends it.
    pub(crate) async fn send(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let html = self.open(page).await;
        let mut all = hidden(&html, action);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let request = self.client.post(format!("{}{action}", self.app.url)).header("origin", &self.app.url).form(&all);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) async fn sign_in(&self, name: &str) {
        let (status, html) = self.send("/sign-in", "/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert!(status == 200 && html.contains("Sign out"), "{html}");
    }
}

/// The form's hidden fields.
fn hidden(html: &str, action: &str) -> BTreeMap<String, String> {
    let form = html.split("<form ").find(|form| form.contains(&format!("action=\"{action}\""))).expect(action);
    let form = form.split("</form>").next().unwrap();
    let value = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
        Some(rest.split('"').next()?.to_owned())
    };
    let inputs = form.split("<input ").filter(|tag| tag.starts_with("type=\"hidden\""));
    inputs.filter_map(|tag| Some((value(tag, "name")?, value(tag, "value")?))).collect()
}

#[tokio::test]
async fn everything_a_person_does_works_without_javascript() {
    let Some(database) = postgres::database("everything_a_person_does_works_without_javascript") else { return };
    let settings = Settings::new(&database);
    let app = settings.start().await;
    admin(&settings, &app).await;
    let browser = Browser::new(&app);

    let (_, html) = browser.send("/", "/rows/populate", &[]).await;
    assert!(html.contains("A row of sample data was added.") && html.contains("There is 1 row"), "{html}");
    let (_, html) = browser.send("/", "/rows/delete", &[]).await;
    assert!(html.contains("There are 0 rows"), "{html}");

    let (status, html) = browser.send("/register", "/register", &[("name", "A!"), ("password", "short")]).await;
    assert_eq!(status, 422);
    assert!(
        html.contains("<title>Error: ") && html.contains("href=\"#name\"") && html.contains("aria-invalid=\"true\"")
    );
    assert!(
        html.contains("value=\"a!\"") && !html.contains("short\""),
        "what was written is gone, or the password is not"
    );
    // Another name for the same: phones begin with a capital.
    let (_, html) = browser.send("/register", "/register", &[("name", "Ada "), ("password", PASSWORD)]).await;
    assert!(html.contains("You are registered."), "{html}");
    let (status, html) = browser.send("/sign-in", "/sign-in", &[("name", "ada"), ("password", "not this")]).await;
    assert_eq!(status, 401);
    assert!(html.contains("Name or password is wrong."));
    browser.sign_in("ada").await;

    for (name, balance) in [("Savings <b>", "1234.5"), ("Daily", "0")] {
        let (_, html) = browser.send("/accounts", "/accounts", &[("name", name), ("opening", balance)]).await;
        assert!(html.contains("The account is open."), "{html}");
    }
    let html = browser.open("/accounts").await;
    assert!(html.contains("Savings &#60;b&#62;") && html.contains("1\u{a0}234.50"), "{html}");
    let ids: Vec<&str> = html.split("<code>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
    let order = [("from", ids[0]), ("to", ids[1]), ("amount", "34.5")];
    let (_, html) = browser.send("/accounts", "/transfers", &order).await;
    assert!(html.contains("The transfer is made.") && html.contains("1\u{a0}200.00"), "{html}");
    let (status, html) =
        browser.send("/accounts", "/transfers", &[("from", ids[1]), ("to", ids[0]), ("amount", "99")]).await;
    assert!(
        status == 422 && html.contains("The account holds less than that.") && html.contains("value=\"99\""),
        "{html}"
    );
    let (status, html) =
        browser.send("/accounts", "/transfers", &[("from", ids[1]), ("to", "me"), ("amount", "x")]).await;
    assert!(status == 422 && html.contains("href=\"#to\"") && html.contains("href=\"#amount\""), "{html}");
    let html = browser.open("/audit").await;
    assert!(html.contains("Transfer") && html.contains("34.50"), "{html}");

    // The same form sent twice moves the money once.
    let page = browser.open("/accounts").await;
    let mut form = hidden(&page, "/transfers");
    form.extend([("from", ids[0]), ("to", ids[1]), ("amount", "100")].map(|(n, v)| (n.to_owned(), v.to_owned())));
    for _ in 0..2 {
        browser.client.post(format!("{}/transfers", app.url)).form(&form).send().await.unwrap();
    }
    assert!(browser.open("/accounts").await.contains("1\u{a0}100.00"));

    let refused = browser.client.get(format!("{}/users", app.url)).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    // What no handler gets is a page for a browser, too.
    let nothing = browser.client.get(format!("{}/nothing", app.url)).header("accept", "text/html").send();
    let nothing = nothing.await.unwrap();
    assert_eq!(nothing.status(), 404);
    assert!(nothing.text().await.unwrap().contains("<h1>There is no such thing</h1>"));
    let administrator = Browser::new(&app);
    administrator.sign_in("root").await;
    let html = administrator.open("/users").await;
    let action = html.split("action=\"").find(|part| part.starts_with("/users/")).unwrap().split('"').next().unwrap();
    let (_, html) = administrator.send("/users", action, &[]).await;
    assert!(html.contains("The user is disabled") && html.contains("disabled</td>"), "{html}");
    // Out at once.
    assert!(browser.open("/accounts").await.contains("<h1>Sign in</h1>"));
    administrator.send("/users", action, &[]).await;

    browser.sign_in("ada").await;
    let change = [("old_password", PASSWORD), ("new_password", "another good password")];
    let (_, html) = browser.send("/password", "/password", &change).await;
    assert!(html.contains("Your password is changed."), "{html}");
    let (_, html) = browser.send("/accounts", "/sign-out", &[]).await;
    assert!(html.contains("You are signed out."), "{html}");
    assert!(browser.open("/accounts").await.contains("<h1>Sign in</h1>"));
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    let Some(database) = postgres::database("forms_of_other_sites_do_nothing") else { return };
    let app = Settings::new(&database).start().await;
    app.register("ada").await;
    let browser = Browser::new(&app);
    browser.sign_in("ada").await;
    let good = hidden(&browser.open("/").await, "/rows/populate");
    let send = |form: BTreeMap<String, String>, origin: &'static str| {
        browser.client.post(format!("{}/rows/populate", app.url)).header("origin", origin).form(&form).send()
    };
    assert_eq!(send(BTreeMap::new(), "http://localhost:8080").await.unwrap().status(), 403, "no value");
    let wrong = BTreeMap::from([("form".to_owned(), "x".repeat(43))]);
    assert_eq!(send(wrong, "http://localhost:8080").await.unwrap().status(), 403, "a wrong value");
    assert_eq!(send(good.clone(), "https://elsewhere.example").await.unwrap().status(), 403, "another site");
    assert_eq!(send(good, "http://localhost:8080").await.unwrap().status(), 200);
}

#[tokio::test]
async fn cookies_are_for_this_host_and_hidden_from_scripts() {
    let Some(database) = postgres::database("cookies_are_for_this_host_and_hidden_from_scripts") else { return };
    let app = Settings::new(&database).with("PUBLIC_URL", "https://app.example.com").start().await;
    app.register("ada").await;
    let page = app.get("/sign-in").send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap().to_owned();
    let value = cookie.split(';').next().unwrap().to_owned();
    let form = hidden(&page.text().await.unwrap(), "/sign-in")["form"].clone();
    let fields = [("form", form.as_str()), ("name", "ada"), ("password", PASSWORD)];
    let answer =
        app.request(reqwest::Method::POST, "/sign-in").header("cookie", value).form(&fields).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let session = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for cookie in [cookie, session] {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for part in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }
}
