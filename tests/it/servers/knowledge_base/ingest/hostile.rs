//! Documents and addresses that were made to do harm.

use std::io::Write;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{call, fixture, put, workspace};
use crate::support::{Hub, Settings};

/// A server that answers every request with `answer`.
async fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    at
}

fn page(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A Word document of 300 MB in 300 kB.
fn bomb() -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive
        .start_file("word/document.xml", SimpleFileOptions::default())
        .unwrap();
    archive
        .write_all(b"<w:document><w:body><w:p><w:r><w:t>")
        .unwrap();
    let block = vec![b' '; 1 << 20];
    for _ in 0..300 {
        archive.write_all(&block).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A PDF whose one page is made of `page`.
fn pdf(page: &str) -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        page,
    ];
    let (mut out, mut places) = (String::from("%PDF-1.4\n"), String::new());
    for (n, object) in objects.iter().enumerate() {
        places.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let start = out.len();
    format!("{out}xref\n0 4\n0000000000 65535 f \n{places}trailer << /Size 4 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").into_bytes()
}

#[tokio::test]
async fn one_document_harms_no_other() {
    let private = server(page("text/plain", b"secret")).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{private}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let redirect = server(moved.into_bytes()).await;
    let program = server(page("text/html", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0")).await;
    let typed = server(page("text/plain", &fixture("report.pdf"))).await;
    let fetch = format!(
        "[servers.knowledge_base.fetch]\nallowed_private = [\"{redirect}\", \"{program}\", \"{typed}\"]\n"
    );
    let hub = Hub::with(Settings::default().server("knowledge_base", &fetch)).await;
    hub.project("demo", &["ann"]).await;
    call(&hub, "list_documents", json!({})).await;
    put(&hub, "bomb.docx", &bomb());
    // The parser expects a MediaBox, and panics without one.
    put(&hub, "panic.pdf", &pdf("<< /Type /Page /Parent 2 0 R >>"));
    // It looks for the MediaBox in the page's parent, which is the page.
    put(&hub, "loop.pdf", &pdf("<< /Type /Page /Parent 3 0 R >>"));
    put(&hub, "deep.html", "<div>".repeat(2_000).as_bytes());
    let large = std::fs::File::create(workspace(&hub).join("large.md")).unwrap();
    large.set_len(200 << 20).unwrap();
    put(&hub, "memo.docx", &fixture("memo.docx"));
    put(&hub, "report.pdf", &fixture("report.pdf"));
    put(&hub, "page.html", &fixture("page.html"));
    let wanted: [(Value, &str); 14] = [
        (json!({"path": "bomb.docx"}), "too_large"),
        (json!({"path": "memo.docx"}), "created"),
        (json!({"path": "panic.pdf"}), "unreadable_document"),
        (json!({"path": "report.pdf"}), "created"),
        (json!({"path": "loop.pdf"}), "unreadable_document"),
        (json!({"path": "deep.html"}), "unreadable_document"),
        (json!({"path": "page.html"}), "created"),
        (json!({"path": "large.md"}), "too_large"),
        (json!({"path": "../../etc/passwd"}), "invalid_argument"),
        (
            json!({"url": format!("http://{private}/")}),
            "forbidden_address",
        ),
        (
            json!({"url": format!("http://{redirect}/")}),
            "forbidden_address",
        ),
        (
            json!({"url": "http://169.254.169.254/latest"}),
            "forbidden_address",
        ),
        (
            json!({"url": format!("http://{program}/")}),
            "unreadable_document",
        ),
        (json!({"url": format!("http://{typed}/report")}), "created"),
    ];
    let documents: Vec<Value> = wanted
        .iter()
        .map(|(source, _)| json!({"source": source}))
        .collect();
    let (_, mut job) = call(
        &hub,
        "add_documents",
        json!({"documents": documents, "wait_ms": 20_000}),
    )
    .await;
    // An optimised parser loops where another overflows its stack: the hub's patience with it may end after the wait.
    for _ in 0..60 {
        if job["state"] == "done" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        job = call(
            &hub,
            "get_knowledge_job",
            json!({"id": job["job_id"], "show": "all"}),
        )
        .await
        .1;
    }
    assert_eq!(job["state"], "done", "{job}");
    for (item, (source, expected)) in job["items"].as_array().unwrap().iter().zip(&wanted) {
        let what = item.get("code").unwrap_or(&item["outcome"]);
        assert_eq!(what, expected, "{source}: {item}");
    }
    assert!(!job.to_string().contains("secret"));
    // What failed in a job fails alone with the same word.
    let (status, problem) = call(
        &hub,
        "add_document",
        json!({"source": {"path": "bomb.docx"}}),
    )
    .await;
    assert_eq!(
        (status, &problem["code"]),
        (413, &json!("too_large")),
        "{problem}"
    );
    let (status, problem) = call(
        &hub,
        "add_document",
        json!({"source": {"path": "panic.pdf"}}),
    )
    .await;
    assert_eq!(
        (status, &problem["details"]["reason"]),
        (422, &json!("unreadable_document")),
        "{problem}"
    );
}
