//! The checks themselves, on pages made to be wrong: a check that finds nothing anywhere would let
//! every page pass.

use crate::browser::{Scheme, Setup};
use crate::checks::look;
use crate::player::Player;
use crate::visit::{shared_game, visit};

/// Each thing that must be complained about, with a word of the complaint.
const WRONG: [(&str, &str); 7] = [
    ("<h1>Two</h1>", "2 first headings"),
    ("<div style='width: 2000px'>wide</div>", "scrolls sideways"),
    ("<script>throw new Error('loud')</script>", "loud"),
    ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "axe image-alt"),
    ("<input>", "axe label"),
    ("<p style='color: #999; background: #fff'>pale</p>", "axe color-contrast"),
    ("<script>document.querySelector('p').animate([{ marginTop: 0 }], 1)</script>", ""),
];

async fn shows(player: &Player, body: &str) -> Vec<String> {
    let html = format!(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>A page</title></head>\
         <body><main><h1>A page</h1><p>Fine</p>{body}</main></body></html>"
    );
    let script = "const page = new Blob([arguments[0]], { type: 'text/html' });
        location.href = URL.createObjectURL(page)";
    player.go("about:blank").await;
    player.execute(script, vec![html.into()]).await;
    look(player).await
}
