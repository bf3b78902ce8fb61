use std::fmt::Write;

use super::*;

fn read(format: Format, bytes: &[u8]) -> Result<Extracted, Fault> {
    parse(format, bytes, None, 1 << 20)
}

#[test]
fn a_page_keeps_its_structure_and_loses_what_is_around_it() {
    let page = "<!doctype html><html><head><title>The  page</title><style>x{}</style><script>1</script></head>\
        <body><nav><a href=/>Home</a></nav><h1>Head</h1><p>See <a href='http://x/'>the link</a>.</p>\
        <ul><li>one</li><li>two</li></ul><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>a long cell</td></tr></table>\
        <pre><code class=language-sh># no heading\nls</code></pre><img alt='a  picture' src=x></body></html>";
    let read = read(Format::Html, page.as_bytes()).unwrap();
    assert_eq!(read.title.as_deref(), Some("The page"));
    let markdown = "# Head\n\nSee the link.\n\n- one\n- two\n\n| a | b |\n| - | --- |\n| 1 | a long cell |\n\n\
        ```sh\n# no heading\nls\n```\n\na picture";
    assert_eq!(read.text, markdown);
}

#[test]
fn a_page_names_its_encoding() {
    let page = b"<meta charset='windows-1251'><p>\xcf\xf0\xe8\xe2\xe5\xf2";
    assert_eq!(read(Format::Html, page).unwrap().text, "Привет");
    assert_eq!(
        html::charset(b"<meta content=\"text/html; charset=gbk\">"),
        Some("gbk")
    );
}

#[test]
fn what_is_no_document_is_told() {
    for (format, bytes) in [
        (Format::Pdf, &b"%PDF-1.4 nothing"[..]),
        (Format::Docx, b"PK\x03\x04 nothing"),
        (Format::Text, b"\0\x01\x02"),
    ] {
        assert!(matches!(read(format, bytes), Err(Fault::Unreadable(_))));
    }
    let long = parse(Format::Text, b"0123456789", None, 9);
    assert!(matches!(long, Err(Fault::TooLarge(_))));
}

#[test]
fn a_page_that_is_nested_too_deep_is_told_at_once() {
    let deep = read(Format::Html, "<div>".repeat(100_000).as_bytes());
    assert!(matches!(deep, Err(Fault::Unreadable(why)) if why.contains("nested")));
    let long = "<p>a<br/><li>b<b>c</b><svg><path/></svg>".repeat(1_000)
        + "<script>if(a<b)c</script>".repeat(1_000).as_str();
    assert!(read(Format::Html, long.as_bytes()).is_ok());
}

/// A PDF of which each page shows what stands in `pages`.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let mut objects = vec![
        String::new(),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
    ];
    let mut kids = String::new();
    for content in pages {
        let at = objects.len() + 2;
        objects.push(format!(
            "<</Length {}>>stream\n{content}\nendstream",
            content.len()
        ));
        objects.push(format!(
            "<</Type/Page/Parent 1 0 R/MediaBox[0 0 200 200]/Contents {} 0 R/Resources<</Font<</F 2 0 R>>>>>>",
            at - 1
        ));
        write!(kids, "{at} 0 R ").unwrap();
    }
    objects[0] = format!("<</Type/Pages/Kids[{kids}]/Count {}>>", pages.len());
    objects.push("<</Type/Catalog/Pages 1 0 R>>".to_owned());
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (at, object) in objects.iter().enumerate() {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        write!(file, "{} 0 obj\n{object}\nendobj\n", at + 1).unwrap();
    }
    let (start, count) = (file.len(), objects.len());
    write!(
        file,
        "{table}trailer\n<</Size {}/Root {count} 0 R>>\nstartxref\n{start}\n%%EOF\n",
        count + 1
    )
    .unwrap();
    file.into_bytes()
}

#[test]
fn pages_that_cannot_be_read_are_told() {
    let good = "BT /F 12 Tf 20 100 Td (Leases expire.) Tj ET";
    let bad = "BT /Missing 12 Tf 20 100 Td (Nobody sees this.) Tj ET";
    let read = read(Format::Pdf, &pdf(&[good, bad, good])).unwrap();
    assert_eq!(read.unread, [2]);
    assert_eq!(read.text, "Leases expire.\n\u{c}\n\u{c}Leases expire.");
}
