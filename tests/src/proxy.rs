//! A proxy of whole messages: a function gets each request and makes the answer, mostly by passing it on.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// A request or an answer: first line and headers, and the body.
#[derive(Clone, Debug, Default)]
pub struct Message {
    head: String,
    body: Vec<u8>,
}

/// A proxy that listens until this value is dropped.
pub struct Proxy {
    /// TCP port of the proxy on loopback.
    pub port: u16,
    /// Number of requests received.
    pub calls: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The listener's thread notices at its next connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Listens. One connection holds one request.
pub fn proxy(answer: impl Fn(Message) -> io::Result<Message> + Send + Sync + 'static) -> io::Result<Proxy> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let proxy = Proxy { port: listener.local_addr()?.port(), calls: Arc::default(), ended: Arc::default() };
    let (answer, calls, ended) = (Arc::new(answer), proxy.calls.clone(), proxy.ended.clone());
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            if ended.load(Ordering::SeqCst) {
                break;
            }
            let (answer, calls) = (answer.clone(), calls.clone());
            thread::spawn(move || -> io::Result<()> {
                let Some(request) = Message::read(&mut client)? else { return Ok(()) };
                calls.fetch_add(1, Ordering::SeqCst);
                answer(request)?.write(&mut client)?;
                client.shutdown(Shutdown::Both)
            });
        }
    });
    Ok(proxy)
}

impl Message {
    /// A request in JSON, as the services that speak it want it.
    pub fn json(target: &str, authorization: &str, body: &serde_json::Value) -> Self {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nX-Amz-Target: {target}\r\n\
             Content-Type: application/x-amz-json-1.1"
        );
        Self { head, body: body.to_string().into_bytes() }
    }

    /// An answer in JSON.
    pub fn told(body: &serde_json::Value) -> Self {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1".to_owned();
        Self { head, body: body.to_string().into_bytes() }
    }

    /// An answer with this status, content type and body.
    pub fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let head = format!("HTTP/1.1 {status} told\r\nContent-Type: {content_type}");
        Self { head, body: body.into() }
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("\r\n{name}: {value}"));
        self
    }

    /// An answer in CBOR.
    pub fn cbor(status: &str, body: Vec<u8>) -> Self {
        let head = format!("HTTP/1.1 {status} told\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor");
        Self { head, body }
    }

    pub(crate) fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut bytes, mut buffer) = (vec![], [0; 16384]);
        loop {
            if let Some(mut message) = Self::parse(&bytes) {
                let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
                let read = message.body.len().min(length);
                message.body.resize(length, 0);
                stream.read_exact(&mut message.body[read..])?;
                return Ok(Some(message));
            }
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(None);
            }
            bytes.extend_from_slice(&buffer[..read]);
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        Some(Self { head: String::from_utf8_lossy(&bytes[..end]).into_owned(), body: bytes[end + 4..].to_vec() })
    }

    pub(crate) fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let framing = ["content-length:", "connection:", "transfer-encoding:"];
        let ours = |line: &&str| !framing.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
        let head = self.head.lines().filter(ours).collect::<Vec<_>>().join("\r\n");
        let head = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", self.body.len());
        // In one piece: some servers of the tests read once.
        stream.write_all(&[head.as_bytes(), &self.body].concat())
    }

    /// Passes it on to this port, and waits for the answer.
    pub fn send(&self, port: u16) -> io::Result<Self> {
        self.send_to(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The same for an address.
    pub fn send_to(&self, address: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        // The older protocol: an answer then comes in one piece, and its end is the connection's.
        Self { head: self.head.replacen(" HTTP/1.1", " HTTP/1.0", 1), body: self.body.clone() }.write(&mut stream)?;
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes)?;
        let mut answer = Self::parse(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        answer.head = answer.head.replacen("HTTP/1.0 ", "HTTP/1.1 ", 1);
        Ok(answer)
    }

    /// Returns the names and values of the headers.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()))
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The service that it is signed for.
    pub fn service(&self) -> &str {
        let scope = self.header("authorization").and_then(|value| value.split("Credential=").nth(1));
        scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or_default()
    }

    /// The region that the caller signed for.
    pub fn region(&self) -> &str {
        let scope = self.header("authorization").and_then(|value| value.split("Credential=").nth(1));
        scope.and_then(|scope| scope.split('/').nth(2)).unwrap_or_default()
    }

    /// The same for another service; no emulator here looks at the signature.
    #[must_use]
    pub fn signed_for(self, service: &str) -> Self {
        let (from, to) = (format!("/{}/", self.service()), format!("/{service}/"));
        Self { head: self.head.replace(&from, &to), body: self.body }
    }

    /// The operation, where the service speaks JSON.
    pub fn target(&self) -> &str {
        self.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }

    /// Returns the request's method, such as `GET`.
    pub fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// Returns the request's path, from `/` on.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the response's status code.
    pub fn status(&self) -> &str {
        self.path()
    }

    /// A request for another path and host.
    #[must_use]
    pub fn to(self, path: &str, host: &str) -> Self {
        let (first, rest) = self.head.split_once("\r\n").unwrap_or((&self.head, ""));
        let method = first.split(' ').next().unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        let rest = rest.lines().filter(|line| !line.to_ascii_lowercase().starts_with("host:"));
        let rest = rest.collect::<Vec<_>>().join("\r\n");
        Self { head: format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{rest}"), body: self.body }
    }

    /// The same request with another method.
    #[must_use]
    pub fn with_method(self, method: &str) -> Self {
        let (_, rest) = self.head.split_once(' ').unwrap_or(("", &self.head));
        Self { head: format!("{method} {rest}"), body: self.body }
    }

    /// Returns the message's body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, if it is text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// The same with another body.
    #[must_use]
    pub fn with(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// A field of a form, as the services that speak XML are asked; without its escapes.
    pub fn field(&self, name: &str) -> Option<String> {
        let field = self.text().split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(unescape(field))
    }

    /// The same without a field.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        let kept = |pair: &&str| pair.split('=').next() != Some(name);
        let body = self.text().split('&').filter(kept).collect::<Vec<_>>().join("&");
        self.with(body)
    }

    /// The text of the first element of this name.
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.text().split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0)
    }
}

pub(crate) fn unescape(text: &str) -> String {
    let (mut bytes, mut rest) = (vec![], text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'0') as char);
                u8::from_str_radix(&String::from_iter(digits), 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read() {
        let head = "POST / HTTP/1.1\r\nauthorization: AWS4 Credential=test/20260101/us-east-1/ec2/aws4_request, more";
        let message = Message { head: head.to_owned(), body: b"Action=A&Arn=arn%3Aaws%2Fx+y&ArnNot=1".to_vec() };
        assert_eq!(message.service(), "ec2");
        assert_eq!(message.field("Arn").as_deref(), Some("arn:aws/x y"));
        assert_eq!(message.without("Arn").text(), "Action=A&ArnNot=1");
    }
}
