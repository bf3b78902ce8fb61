// A proxy that adds a bearer token to every request: `TOKEN=… node with-token.mjs BASE…` listens once for each base URL,
// prints the URL of its MCP endpoint, and then "ready".
import http from 'node:http';

for (const base of process.argv.slice(2)) {
  const target = new URL(base);
  const forward = (request, response) => {
    const path = target.pathname.replace(/\/$/, '') + request.url;
    const headers = { ...request.headers, authorization: `Bearer ${process.env.TOKEN}` };
    const options = { host: target.hostname, port: target.port, method: request.method, path, headers };
    const upstream = http.request(options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  };
  const server = http.createServer(forward);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  console.log(`http://127.0.0.1:${server.address().port}/mcp`);
}
console.log('ready');
