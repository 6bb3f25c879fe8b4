// Paybyrd as in provider.py, served by Node: `BOOK=… node provider.mjs PORT SECONDS_KEPT [CERTIFICATE]`.
import { randomUUID } from "node:crypto";
import { openSync, readFileSync, writeSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const PLANS = {
  done: [200, "BYRD200", ["Success"]],
  later: [202, "BYRD010", ["Processing", "Success"]],
  undone: [202, "BYRD010", ["Processing", "Denied"]],
  refused: [400, "BYRD231", []],
};
const CODES = { Success: "BYRD200", Processing: "BYRD010", Denied: "BYRD205" };

const [port, secondsKept, certificate] = process.argv.slice(2);
const book = openSync(process.env.BOOK, "a");
const refunds = new Map(); // by each id that it can be asked by, and by its idempotency key
let number = 0;

const write = (line) => writeSync(book, `${JSON.stringify(line)}\n`);
const planOf = (payment) => PLANS[payment.split("-")[0]];
const major = (units) => (units / 100).toFixed(2);

function executed(payment, key, units) {
  const refund = { did: "refund", key, units, id: randomUUID(), request: randomUUID(), payment };
  refund.at = new Date().toISOString();
  write(refund);
  const kept = { ...refund, questions: 0 };
  for (const name of [key, refund.id, refund.request]) refunds.set(name, kept);
  return kept;
}

function refund(payment, key, body) {
  write({ did: "arrived", payment, key });
  const [status, code] = planOf(payment);
  if (status === 400) return [status, { code }, randomUUID()];
  const made = refunds.get(key) ?? executed(payment, key, JSON.parse(body).isoAmount);
  if (status === 202) {
    const href = `/api/v2/transactions?requestId=${made.request}`;
    return [status, { code, links: { href, rel: "transactions" } }, made.request];
  }
  const sourceTransaction = { transactionId: made.payment, isoRemainingAmount: 0 };
  const members = { code, transactionId: made.id, isoAmount: made.units, amount: major(made.units), sourceTransaction };
  return [status, members, made.request];
}

function transaction(made) {
  const words = planOf(made.payment)[2];
  const word = words[Math.min(made.questions++, words.length - 1)];
  write({ did: "answered", payment: made.payment, word });
  return {
    transactionId: made.id,
    status: word,
    code: CODES[word],
    operationType: "Refund",
    currency: "EUR",
    isoAmount: -made.units,
    amount: major(-made.units),
    createdDate: made.at,
    referencedTransactions: [{ transactionId: made.payment }],
  };
}

function answer(method, target, key, body) {
  const asked = /^\/api\/v2\/(refund\/|transactions\/|transactions\?requestId=)([0-9A-Za-z-]+)$/.exec(target);
  if (asked === null) return [404, { code: "BYRD901" }];
  if (method === "POST") return refund(asked[2], key, body);
  const made = refunds.get(asked[2]);
  if (asked[1] !== "transactions/") return [200, made === undefined ? [] : [transaction(made)]];
  return made === undefined ? [404, { code: "BYRD901" }] : [200, transaction(made)];
}

function serve(request, reply) {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString();
    const [status, members, requestId] = answer(request.method, request.url, request.headers["idempotency-key"], body);
    const text = JSON.stringify(members);
    const half = text.length >> 1;
    const shape = number++ % 3;
    reply.setHeader("Content-Type", "application/json");
    if (requestId !== undefined) reply.setHeader("RequestId", requestId);
    if (shape !== 2) reply.setHeader("Content-Length", text.length);
    reply.writeHead(status);
    if (shape === 0) return reply.end(text);
    reply.flushHeaders();
    reply.write(text.slice(0, half));
    setImmediate(() => reply.end(text.slice(half)));
  });
}

const keyAndChain = certificate === undefined ? undefined : readFileSync(certificate);
const server = keyAndChain === undefined
  ? http.createServer(serve)
  : https.createServer({ key: keyAndChain, cert: keyAndChain }, serve);
server.keepAliveTimeout = 1000 * secondsKept;
server.listen(Number(port), "127.0.0.1");
