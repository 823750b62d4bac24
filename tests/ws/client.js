// A client of Node's ws: URL, CA file or "-", compression or not. Says what it saw.
const fs = require("fs");
const { WebSocket } = require("ws");

const [url, ca, deflate] = process.argv.slice(2);
const options = { perMessageDeflate: deflate === "deflate" ? { threshold: 0 } : false };
if (ca !== "-") options.ca = fs.readFileSync(ca);
const ws = new WebSocket(url, options);
const sent = [];
for (const length of [0, 1, 125, 126, 65535, 65536, 300000]) {
  sent.push([Buffer.from("é".repeat(length)), false]);
  sent.push([Buffer.from(Array.from({ length }, (_, at) => at % 251)), true]);
}
let at = 0;
const next = () => {
  if (at < sent.length) ws.send(sent[at][0], { binary: sent[at][1] });
  else ws.ping("alive");
};
ws.on("open", next);
ws.on("message", (data, binary) => {
  const [expected, kind] = sent[at++];
  if (kind !== binary || !expected.equals(data)) throw new Error(`message ${at} differs`);
  next();
});
ws.on("pong", (data) => {
  if (String(data) !== "alive") throw new Error("another pong");
  console.log("agreed:", ws.extensions || "none");
  ws.close(1000);
});
ws.on("close", (code) => console.log("closed:", code));
