use proptest::prelude::*;

use super::super::{language::Language, parse};

fn outline(language: Language, text: &str) -> Vec<String> {
    let symbols = parse::symbols(language, text).unwrap();
    symbols
        .iter()
        .map(|symbol| {
            format!("{} {:?} {}", symbol.line, symbol.kind, symbol.qualified()).to_lowercase()
        })
        .collect()
}

#[test]
fn rust_items_of_every_kind() {
    let text = "\
pub mod shapes {
    pub struct Point { pub x: f64, y: f64 }
    pub struct Pair(u8, u8);
    union Bits { a: u32 }
    enum Shape { Dot, Line { from: u8 }, Area = 3 }
    pub trait Draw { const ID: u8; type Out; fn draw(&self); fn twice(&self) {} }
    impl Point { const ZERO: u8 = 0; pub fn new() -> Self { fn inner() {} todo!() } }
    impl<T> Draw for super::Wrap<T> where T: Copy { fn draw(&self) {} }
    impl std::fmt::Debug for Point { fn new() {} }
}
const MAX: usize = 1;
static mut COUNT: u8 = 0;
type Alias = u8;
macro_rules! shout { () => {} }
extern \"C\" { fn strlen(s: *const u8) -> usize; }
async fn main() { let x = 1; struct Local; }
const _: () = ();
";
    let expected = [
        "1 module shapes",
        "2 struct shapes/point",
        "2 field shapes/point/x",
        "2 field shapes/point/y",
        "3 struct shapes/pair",
        "4 union shapes/bits",
        "4 field shapes/bits/a",
        "5 enum shapes/shape",
        "5 variant shapes/shape/dot",
        "5 variant shapes/shape/line",
        "5 field shapes/shape/line/from",
        "5 variant shapes/shape/area",
        "6 trait shapes/draw",
        "6 constant shapes/draw/id",
        "6 type shapes/draw/out",
        "6 method shapes/draw/draw",
        "6 method shapes/draw/twice",
        "7 impl shapes/impl point",
        "7 constant shapes/point/zero",
        "7 method shapes/point/new",
        "7 function shapes/point/new/inner",
        "8 impl shapes/impl draw for super::wrap<t>",
        "8 method shapes/wrap/draw",
        "9 impl shapes/impl std::fmt::debug for point",
        "9 method shapes/point/new~2",
        "11 constant max",
        "12 static count",
        "13 type alias",
        "14 macro shout",
        "15 function strlen",
        "16 function main",
        "16 struct main/local",
    ];
    assert_eq!(outline(Language::Rust, text), expected);
}

#[test]
fn python_definitions_of_every_kind() {
    let text = "\
import os
LIMIT = 10
name: str = 'x'
a, (b, *c) = 1, (2, 3)
os.path = 1
LIMIT = 11
type Pair[T] = tuple[T, T]

@decorator
class Cat(Animal):
    legs = 4
    tail: int
    def __init__(self):
        self.x = 1
        local = 2
    @property
    def age(self): return 1
    async def purr(self):
        def inner(): pass
    if True:
        def late(self): pass

if os:
    def chosen(): pass
else:
    def chosen(): pass
";
    let expected = [
        "2 constant limit",
        "3 variable name",
        "4 variable a",
        "4 variable b",
        "4 variable c",
        "7 type pair",
        "10 class cat",
        "11 field cat/legs",
        "12 field cat/tail",
        "13 method cat/__init__",
        "17 method cat/age",
        "18 method cat/purr",
        "19 function cat/purr/inner",
        "21 method cat/late",
        "24 function chosen",
        "26 function chosen~2",
    ];
    assert_eq!(outline(Language::Python, text), expected);
}

#[test]
fn typescript_definitions_of_every_kind() {
    let text = "\
export interface Shape { readonly area: number; scale(by: number): void; 'quoted-name'?: string }
export type Point = { x: number };
export enum Color { Red, Green = 2, 'Blue' }
export const LIMIT = 10, other = () => 1;
let counter = 0;
export const { a, b: [c], ...rest } = load();
function overload(x: string): void;
function overload(x: number): void;
function overload(x: any) { const local = 1; function inner() {} }
export default class Circle<T> extends Base implements Shape {
  static count = 0;
  #secret = 1;
  constructor(private radius: number, plain: string) { super(); }
  get area() { return 1; }
  async *walk() {}
  handler = () => { const y = 1; };
}
abstract class Base { abstract draw(): void }
namespace Geo { export const PI = 3; export function f() {} }
declare module 'mod' { export function g(): void }
for (const i of [1]) {}
const api = { get() { return 1; } };
describe('x', () => { const inTest = 1; });
const Named = class {};
";
    let expected = [
        "1 interface shape",
        "1 field shape/area",
        "1 method shape/scale",
        "1 field shape/quoted-name",
        "2 type point",
        "2 field point/x",
        "3 enum color",
        "3 variant color/red",
        "3 variant color/green",
        "3 variant color/blue",
        "4 constant limit",
        "4 function other",
        "5 variable counter",
        "6 constant a",
        "6 constant c",
        "6 constant rest",
        "7 function overload",
        "8 function overload~2",
        "9 function overload~3",
        "9 function overload/inner",
        "10 class circle",
        "11 field circle/count",
        "12 field circle/#secret",
        "13 constructor circle/constructor",
        "13 field circle/radius",
        "14 method circle/area",
        "15 method circle/walk",
        "16 field circle/handler",
        "18 class base",
        "18 method base/draw",
        "19 module geo",
        "19 constant geo/pi",
        "19 function geo/f",
        "20 module mod",
        "20 function mod/g",
        "22 constant api",
        "24 class named",
    ];
    assert_eq!(outline(Language::TypeScript, text), expected);
    let jsx = "export const App = () => <div onClick={() => {}}>x</div>;\nexport class V extends C { render() { return <a/>; } }\n";
    assert_eq!(
        outline(Language::Tsx, jsx),
        ["1 function app", "2 class v", "2 method v/render"]
    );
}

#[test]
fn signatures_are_heads_and_ranges_hold_decorators() {
    let symbols = parse::symbols(
        Language::Python,
        "@a\n@b\ndef f(\n    x,\n    y=1,\n) -> int:\n    return 1\n",
    )
    .unwrap();
    assert_eq!(symbols[0].signature, "def f( x, y=1, ) -> int");
    assert_eq!(
        (symbols[0].first_line, symbols[0].line, symbols[0].last_line),
        (1, 3, 7)
    );
    let symbols = parse::symbols(
        Language::Rust,
        "pub fn f<T>(x: T) -> u8\nwhere T: Copy {\n 1 }\nstruct S;\n",
    )
    .unwrap();
    assert_eq!(
        symbols[0].signature,
        "pub fn f<T>(x: T) -> u8 where T: Copy"
    );
    assert_eq!(symbols[1].signature, "struct S");
}

#[test]
fn broken_code_and_crlf_are_read_as_far_as_they_make_sense() {
    assert_eq!(
        outline(Language::Python, "def a():\r\n    pass\r\n\r\ndef b(:\r\n"),
        ["1 function a", "4 function b"]
    );
    let deep = format!("fn f() {{ {} }}", "(".repeat(20_000));
    assert!(parse::symbols(Language::Rust, &deep).is_ok_and(|symbols| symbols.len() <= 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_text_never_panics(text in "(\\PC|\n| |fn |class |def |=|\\{|\\(){0,200}", which in 0..4usize) {
        let language = [Language::Rust, Language::Python, Language::TypeScript, Language::Tsx][which];
        let _ = parse::symbols(language, &text);
    }
}
