// A host in Node: a socket, a line out, a line in. It is driven as drive.py
// says.
'use strict';

const net = require('node:net');
const readline = require('node:readline');

const [path, method] = process.argv.slice(2);
const waiting = []; // one for each call in flight, in the order of their answers
let last = 0;

const socket = net.connect(path);
readline.createInterface({ input: socket }).on('line', (line) => {
  const answer = JSON.parse(line);
  const { resolve, reject } = waiting.shift();
  if (answer.result === 7) resolve();
  else reject(new Error(`add(3, 4) was answered ${line}`));
});

function call() {
  last += 1;
  socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: last, method, params: [3, 4] })}\n`);
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

async function turn(calls, depth) {
  const started = process.hrtime.bigint();
  const each = [];
  if (depth === 1) {
    let before = started;
    for (let i = 0; i < calls; i += 1) {
      await call();
      const now = process.hrtime.bigint();
      each.push(Number(now - before));
      before = now;
    }
  } else {
    let left = calls;
    const some = async () => {
      while (left > 0) {
        left -= 1;
        await call();
      }
    };
    await Promise.all(Array.from({ length: depth }, some));
  }
  return { calls, took_ns: Number(process.hrtime.bigint() - started), each_ns: each };
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

socket.on('connect', () => {
  say({ pids: {} });
  const orders = readline.createInterface({ input: process.stdin });
  orders.on('line', (line) => {
    const { calls, depth } = JSON.parse(line);
    turn(calls, depth).then(say, (error) => say({ failed: String(error) }));
  });
  orders.on('close', () => socket.end());
});
socket.on('error', (error) => say({ failed: String(error) }));
