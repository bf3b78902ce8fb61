#!/usr/bin/env python3
"""Makes what the tests compare with: make.py FOLDER, which has the model's tokenizer.json and model.safetensors. Needs numpy and tokenizers.

words.json has texts and their tokens as the `tokenizers` package cuts them, without truncation; a truncated one says `window`.
vectors.bin has two vectors (f32, little-endian) for each text of vectors.json: by the model as it was published, and by its
matrices in 8 bits as convert.py makes them.
"""
import json
import random
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "assets/all-minilm-l6-v2"))
from convert import quantised, tensors  # noqa: E402

WRITTEN = """
|Hello, World!|don't stop|e-mail: a.b@c.de|3.14159 and 1,000,000|snake_case camelCase SCREAMING_CASE kebab-case
fn main() -> Result<()> { println!("{}", x?); }|std::collections::HashMap<String, Vec<u8>>|a->b::c(d)[0] != NULL && !e
Café Ångström naïve façade São Tomé|ÀÉÎÕÜ|İstanbul ıssız|STRASSE Straße ß ẞ|ﬁne ﬂow ﬀ|Ωmega ΑΒΓ ΐ ΰ ὰ|Привет, МИР Ёлка й
漢字かな交じり文 カタカナ ｶﾀｶﾅ|全文検索エンジン|中文分词，标点。|한국어 문장입니다|テスト「引用」・符号|豈 更 車|𠀀𪜀𫝀|字a漢b
नमस्ते दुनिया|สวัสดีชาวโลก|مرحبا بالعالم ـ ً|שָׁלוֹם עֲלֵיכֶם|tiếng Việt ạ ả ấ|Ǆ ǅ ǆ|ŉ ǰ|¡Hola! ¿Qué tal?|« guillemets » „quotes“ ‘single’ “double”
emoji 😀👍🏽👨‍👩‍👧 🇩🇪|math ∑∫√≠≤≥∞ ± × ÷|currency € £ ¥ ₹ ₿|arrows → ← ↔ ⇒|box │─┌┐|dashes – — ‒ ― ‐ ‑|dots … ‥ · •|sup x² y³ H₂O ½ ¾|№ ℃ ™ © ®
unaffable unbelievably antidisestablishmentarianism|pneumonoultramicroscopicsilicovolcanoconiosis|supercalifragilisticexpialidocious|qwxzjk zzzzqqq xyzzy
http://example.com/a/b?c=d&e=f#g|/usr/local/bin/python3.11|C:\\Windows\\System32|user@host:~$ ls -la|0xDEADBEEF 0b1010 1e-9|v1.2.3-rc.1+build.5
#hashtag @mention $var %s ^x `code` ~tilde~ *bold* _it_|<html><body class="x">&nbsp;</body></html>|{"key": [1, 2.5, null, true]}|SELECT * FROM t WHERE a='b'; --x|a|I
##ing ##s # ## ###|unused1 UNK CLS MASK|the the The THE tHe|I'm you're he'll we'd they've|U.S.A. Ph.D. e.g. i.e.|1st 2nd 3rd 4th|10% 50¢|C++ C# F# .NET Node.js
""".strip("\n").replace("\n", "|").split("|")
SPACES = ["", " ", "\t\n\r ", "a\u00a0b", "a\u2003b\u3000c", "a\u200bb", "a\u200db", "zero\u0000nul", "a\ufffdb", "bell\x07 del\x7f", "vt\x0bff\x0c", "nel\u0085x", "soft\u00adhyphen", "\ufeffbom", "line\u2028sep\u2029par", "private\ue000use", "a\u0301\u0327 combining e\u0300", "\u0301alone", "nfd: e\u0301 nfc: \u00e9", "ring \u212b", "hangul \u1112\u1161\u11ab \ud55c", "x" * 99, "x" * 100, "x" * 101, "é" * 100, "é" * 101, "漢" * 120, "ab" * 60 + " tail", "word " * 40, "\u1d165 x", "a\u0338=b", "ʼn ʹ ˈstress", "\u2060join\u2061", "\u00b7\u0387", "٠١٢٣ ०१२३", "①②③ Ⅷ ⅷ", "ＦＵＬＬ ｗｉｄｔｈ １２３！", "\u3000\u3001\u3002", "⸘interrobang‽", "_ __ ___", "--- *** ===", "ªº µ", "ſ K Å", "Σίσυφος ΣΊΣΥΦΟΣ ς σ"]
SOUP = "aAbBzZ09 _-.,;:!?'\"()[]{}<>/\\|@#$%^&*+=~`\t\néÉüßÑçøÅœ漢字かカ한ñ\u0301\u0308\u200b–—“”…€→😀жЖЯαΩअ\u0947שمไ\u0e31"
TEXTS = [
    "how do I configure the retry policy?",
    "A lease expires when its owner stops renewing it.",
    "def read_config(path): return json.load(open(path))",
    "a",
    "Ångström & naïve café: 漢字",
    "The wing in a slipstream was studied at different angles of attack and free stream velocities. " * 20,
]


def forward(w, ids):
    norm = lambda x, name: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]
    erf = np.vectorize(__import__("math").erf)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x.astype("f8"), "embeddings.LayerNorm")
    for layer in (f"encoder.layer.{n}." for n in range(6)):
        linear = lambda y, name: y @ w[layer + name + ".weight"].T + w[layer + name + ".bias"]
        q, k, v = (linear(x, f"attention.self.{part}").reshape(len(ids), 12, 32).transpose(1, 0, 2) for part in ("query", "key", "value"))
        s = q @ k.transpose(0, 2, 1) / 32**0.5
        e = np.exp(s - s.max(-1, keepdims=True))
        seen = (e / e.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), 384)
        x = norm(x + linear(seen, "attention.output.dense"), layer + "attention.output.LayerNorm")
        y = linear(x, "intermediate.dense")
        x = norm(x + linear(y * 0.5 * (1 + erf(y / 2**0.5)), "output.dense"), layer + "output.LayerNorm")
    y = x.mean(0)
    return (y / np.linalg.norm(y)).astype("<f4")


def main(folder):
    cut = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cut.no_padding()
    cut.no_truncation()
    rng = random.Random(7)
    soup = ["".join(rng.choice(SOUP) for _ in range(rng.randint(1, 40))) for _ in range(250)]
    words = [{"text": text, "ids": cut.encode(text).ids} for text in [*WRITTEN, *SPACES, *soup]]
    for window in (2, 3, 8, 256):
        cut.enable_truncation(window)
        for text in ("short", "unbelievably long words are cut in the middle of a word: antidisestablishmentarianism", "漢字" * 200):
            words.append({"text": text, "window": window, "ids": cut.encode(text).ids})
    (HERE / "words.json").write_text("[\n" + ",\n".join(json.dumps(w, ensure_ascii=True) for w in words) + "\n]\n")
    cut.enable_truncation(256)
    exact = dict(tensors((folder / "model.safetensors").read_bytes()))
    small = dict(exact)
    for name in exact:
        if name.startswith("encoder") and exact[name].ndim == 2 or "word_emb" in name:
            scale, rows = quantised(exact[name])
            small[name] = rows * scale[:, None]
    with open(HERE / "vectors.bin", "wb") as out:
        for text in TEXTS:
            for w in (exact, small):
                out.write(forward(w, cut.encode(text).ids).tobytes())
    (HERE / "vectors.json").write_text(json.dumps(TEXTS, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
