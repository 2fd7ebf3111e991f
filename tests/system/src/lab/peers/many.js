// One HTTPS server for many names. The first line of the input is JSON: the files of its certificate
// and key, and the port. It prints "ready" once it listens; for each further line it prints in JSON
// how many connections came, how many agreed on TLS, and how many were open at once at most; it ends
// with its input.
"use strict";
const fs = require("node:fs");
const https = require("node:https");
const readline = require("node:readline");

const seen = { connections: 0, handshakes: 0, requests: 0, most: 0 };
let open = 0;

function start(order) {
  const options = { cert: fs.readFileSync(order.certificate), key: fs.readFileSync(order.key) };
  const server = https.createServer(options, (request, response) => {
    seen.requests += 1;
    response.end("as it should be");
  });
  server.on("connection", (socket) => {
    seen.connections += 1;
    open += 1;
    seen.most = Math.max(seen.most, open);
    socket.once("close", () => {
      open -= 1;
    });
  });
  server.on("secureConnection", () => {
    seen.handshakes += 1;
  });
  server.on("tlsClientError", () => {});
  server.listen({ host: "0.0.0.0", port: order.port, backlog: 4096 }, () => console.log("ready"));
}

let started = false;
const input = readline.createInterface({ input: process.stdin });
input.on("line", (line) => {
  if (started) {
    console.log(JSON.stringify(seen));
    return;
  }
  started = true;
  start(JSON.parse(line));
});
input.on("close", () => process.exit(0));
