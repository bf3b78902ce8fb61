//! Just enough HTTP/1.1, so that the client costs little.

use std::{net::SocketAddr, time::Instant};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// An answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
    /// When the first bytes of its body were there.
    pub began: Instant,
}

impl Answer {
    /// The value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

async fn head(stream: &mut BufReader<TcpStream>) -> (u16, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = stream.read_line(&mut head).await.unwrap();
        assert!(read > 0, "closed: {head}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head)
}

/// A chunk of a chunked body; none at its end.
async fn chunk(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut size = String::new();
    if stream.read_line(&mut size).await.ok()? == 0 {
        return None;
    }
    let size = usize::from_str_radix(size.trim(), 16).unwrap();
    let mut chunk = vec![0; size + 2];
    stream.read_exact(&mut chunk).await.ok()?;
    chunk.truncate(size);
    (size > 0).then_some(chunk)
}

async fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::new(stream)
}

fn authorization(token: Option<&str>) -> String {
    token.map_or(String::new(), |t| format!("Authorization: Bearer {t}\r\n"))
}

/// A keep-alive connection that POSTs to one path.
pub struct Wire {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Wire {
    /// `extra`: more header lines, each with its line end.
    pub async fn connect(
        address: SocketAddr,
        path: &str,
        token: Option<&str>,
        extra: &str,
    ) -> Self {
        let authorization = authorization(token);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Type: application/json\r\n{extra}"
        );
        Self {
            stream: connect(address).await,
            head,
        }
    }

    /// Sends this header line too from now on.
    pub fn add_header(&mut self, line: &str) {
        self.head.push_str(line);
        self.head.push_str("\r\n");
    }

    pub async fn post(&mut self, body: &str) -> Answer {
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        let socket = self.stream.get_mut();
        socket.write_all(request.as_bytes()).await.unwrap();
        let (status, head) = head(&mut self.stream).await;
        let mut body = Vec::new();
        let mut began = None;
        if let Some(length) = header(&head, "content-length") {
            body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut body).await.unwrap();
        } else if header(&head, "transfer-encoding").is_some() {
            while let Some(chunk) = chunk(&mut self.stream).await {
                began.get_or_insert_with(Instant::now);
                body.extend(chunk);
            }
        }
        Answer {
            status,
            head,
            body: String::from_utf8(body).unwrap(),
            began: began.unwrap_or_else(Instant::now),
        }
    }
}

/// An open event stream.
pub struct Events {
    stream: BufReader<TcpStream>,
    text: String,
}

impl Events {
    /// GETs `path`; the status where it is refused.
    pub async fn open(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Self, u16> {
        let mut stream = connect(address).await;
        let authorization = authorization(token);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Accept: text/event-stream\r\n\r\n"
        );
        let socket = stream.get_mut();
        socket.write_all(request.as_bytes()).await.unwrap();
        match head(&mut stream).await.0 {
            200 => Ok(Self {
                stream,
                text: String::new(),
            }),
            refused => Err(refused),
        }
    }

    /// The data of the next event; none when the stream has ended. Comments are skipped.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                if let Some(data) = event.lines().find_map(|l| l.strip_prefix("data:")) {
                    return Some(data.trim_start().to_owned());
                }
            }
            let chunk = chunk(&mut self.stream).await?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
