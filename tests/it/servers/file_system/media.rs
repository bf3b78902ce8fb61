use serde_json::{Value, json};

use super::{call, root};
use crate::support::{Hub, Session};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0123";
const ENCODED: &str = "iVBORw0KGgowMTIz";

#[tokio::test]
async fn mcp_clients_see_an_image_and_rest_clients_its_bytes() {
    let hub = Hub::start().await;
    std::fs::write(root(&hub).await.join("a.png"), PNG).unwrap();
    let session = Session::open(&hub.http, &hub.own["file_system"], &hub.admin).await;
    let arguments = json!({"project_id": "default", "agent_id": "default", "path": "a.png"});
    let call_it = json!({"name": "read_media_file", "arguments": arguments});
    let result = session.request("tools/call", call_it).await["result"].clone();
    let image = json!({"type": "image", "data": ENCODED, "mimeType": "image/png"});
    assert_eq!(result["content"][1], image, "{result}");
    assert_eq!(result["structuredContent"].get("data"), None);
    let (_, rest) = call(&hub, "read_media_file", json!({"path": "a.png"})).await;
    assert_eq!(rest["data"], Value::from(ENCODED));
}
