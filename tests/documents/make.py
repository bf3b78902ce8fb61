"""Writes the documents that cannot be written by hand: `python3 make.py`, in this folder."""

import pathlib
import zipfile

HERE = pathlib.Path(__file__).parent


def pdf(name, title, pages):
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects.append(f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    for n, lines in enumerate(pages):
        text = b"BT /F1 12 Tf 14 TL 72 720 Td "
        for line in lines:
            line = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            text += b"(" + line.encode("cp1252") + b") Tj T* "
        text += b"ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(text)} >>\nstream\n".encode() + text + b"\nendstream")
    objects.append(f"<< /Title ({title}) >>".encode())
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n".encode()
    out += f"startxref\n{start}\n%%EOF\n".encode()
    (HERE / name).write_bytes(out)


def paragraph(text, style=None, level=None):
    about = f'<w:pStyle w:val="{style}"/>' if style else ""
    if level is not None:
        about += f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>'
    return f'<w:p><w:pPr>{about}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def table(rows):
    cells = lambda row: "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row)
    return "<w:tbl>" + "".join(f"<w:tr>{cells(row)}</w:tr>" for row in rows) + "</w:tbl>"


def docx(name, title, body):
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:title>{title}</dc:title></cp:coreProperties>',
        "word/styles.xml": f'<w:styles xmlns:w="{word}"><w:style w:type="paragraph" w:styleId="berschrift2">'
        '<w:name w:val="heading 2"/></w:style></w:styles>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>',
    }
    with zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            archive.writestr(zipfile.ZipInfo(part, (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)


pdf(
    "report.pdf",
    "Lease report",
    [
        ["Leases in 2026", "", "A lease expires after thirty seconds.", "Its holder renews it (early)."],
        [],
        ["Café: what we learned", "Clocks drift; deadlines do not."],
    ],
)
docx(
    "memo.docx",
    "Memo &amp; more",
    paragraph("Claims", "Heading1")
    + paragraph("A claim holds a lease &lt;30 s&gt;.")
    + "<w:p><w:r><w:t>Kept, </w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
    + "<w:r><w:instrText>PAGE</w:instrText><w:t>not deleted.</w:t></w:r></w:p>"
    + paragraph("Schritte", "berschrift2")
    + paragraph("take it", level=0)
    + paragraph("renew it", level=1)
    + table([["state", "next"], ["free", "claimed | done"], ["claimed", ""]])
    + paragraph("End."),
)
(HERE / "latin1.txt").write_bytes("Übersicht: die Größe der Bäume überrascht schöne Gäste.\n".encode("latin-1"))
(HERE / "utf16.txt").write_bytes("\ufeffLeases — über alles\r\n".encode("utf-16-le"))
(HERE / "shift_jis.txt").write_bytes("これは文書です。検索できるようにします。\n日本語の文章を読みます。\n".encode("shift_jis"))
(HERE / "gbk.txt").write_bytes("这是一个文档，用来测试编码的识别。知识库可以搜索中文文本。\n".encode("gbk"))
(HERE / "broken.txt").write_bytes("naïve café, cut in the mi\u00e9".encode()[:-1])
(HERE / "crlf.md").write_bytes("\ufeff# Eins\r\n\r\nText.\r\n\r\n## 二\r\n\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n\r\n```sh\r\n# no heading\r\n```\r\n".encode())
