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
