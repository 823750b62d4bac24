// An echo of Node's ws: certificate or "-", key, compression or not. Ends with its input.
const fs = require("fs");
const { WebSocketServer } = require("ws");

const [certificate, key, deflate] = process.argv.slice(2);
const server =
  certificate === "-"
    ? require("http").createServer()
    : require("https").createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) });
const perMessageDeflate = deflate === "deflate" ? { threshold: 0 } : false;
const sockets = new WebSocketServer({ server, perMessageDeflate });
sockets.on("connection", (ws) => {
  console.log("agreed:", ws.extensions || "none");
  ws.ping("alive");
  ws.on("pong", (data) => console.log("answered:", String(data)));
  ws.on("message", (data, binary) => ws.send(data, { binary }));
  ws.on("close", (code) => console.log("closed:", code));
});
server.listen(0, "127.0.0.1", () => console.log("port:", server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
