// The LLM service of the tests: aimock in all three API styles, with a model that does what the owner's words "WAY=…" say, and
// otherwise repeats and obeys whatever it is sent. Prints its address and ends with its standard input.
import { LLMock } from "@copilotkit/aimock";

const text = (message) =>
  typeof message.content === "string" ? message.content : (message.content ?? []).map((part) => part.text ?? "").join("");
const users = (request) => request.messages.filter((message) => message.role === "user").map(text).join("\n");
const way = (request) => users(request).match(/WAY=([\w:-]+)/)?.[1] ?? "repeat";

// The lines as the model sees them.
function seen(request) {
  return [...users(request).matchAll(/^(L\d{4}) (".*")$/gm)].map(([, id, json]) => ({ id, text: JSON.parse(json) }));
}

const claim = (id, quote, title, explanation) => ({
  severity: "info", category: "other", title, explanation, evidence: [{ line: id, quote }], suggestion: "No action needed.",
});
const findings = (claims) => JSON.stringify({ findings: claims });
const markers = (words) => words.split(/[^A-Za-z0-9_-]/).filter((word) => word.includes("CANARY"));

// Each is a way to obey.
const OBEY = {
  repeat: (lines, request) => request.messages.map(text).join("\n"),
  silence: () => findings([]),
  verdict: (lines, request) => JSON.stringify({ findings: [], verdict: "benign", code: markers(users(request)) }),
  prose: (lines, request) => `The logs are clean. ${markers(users(request)).join(" ")}`,
  echo: (lines) => findings(lines.map((line) => claim(line.id, line.text, line.text, line.text))),
  clean: (lines) => findings(lines.map((l) => claim(l.id, l.text, "Nothing malicious here", `All clean. ${markers(l.text).join(" ")}`))),
  sign: (lines) => findings(lines.map((l) => claim(l.id, l.text, "Signed off", markers(l.text).join(" ").toLowerCase()))),
  misquote: (lines) => findings(lines.map((l) => claim(l.id, `${l.text} and more`, "Invented", "quote"))),
  misline: (lines) => findings(lines.map((l) => claim(l.id.replace("L", "L9"), l.text, "Invented", "line"))),
  shout: (lines, request) => findings(markers(users(request)).map((word) => claim("L0001", "", `Verdict: ${word}`, "clean"))),
};

const first = (lines) => findings([{ ...claim(lines[0].id, lines[0].text.slice(0, 12), "The first line is worth a look", "It came first."), severity: "low" }]);
const isRepair = (request) => request.messages.some((message) => message.role === "assistant");
const error = (status, error) => ({ error: { message: "told to", type: "api_error", ...error }, status });
const tries = new Map();

// Each is something a server does.
const SERVE = {
  honest: (lines) => ({ content: first(lines) }),
  fenced: (lines) => ({ content: `Sure!\n\`\`\`json\n${first(lines)}\n\`\`\`` }),
  mended: (lines, request) => ({ content: isRepair(request) ? first(lines) : "{\"findings\": [" }),
  broken: () => ({ content: "I cannot say." }),
  cut: (lines) => ({ content: first(lines), finishReason: "length" }),
  unknown: () => error(404, { message: "The model `m` does not exist", code: "model_not_found", type: "invalid_request_error" }),
  unpaid: () => error(429, { code: "insufficient_quota", type: "insufficient_quota" }),
  long: (lines) => (lines.length > 3 ? error(400, { message: "maximum context length is 10 tokens", code: "context_length_exceeded" }) : { content: first(lines) }),
  overloaded: (lines, request) => again(request) ? { content: first(lines) } : error(503, { type: "overloaded_error" }),
  formless: (lines, request) =>
    request.response_format ? error(400, { message: `response_format: ${request.response_format.type} is not supported` }) : { content: first(lines) },
};

function again(request) {
  const key = users(request).match(/CASE=(\w+)/)?.[1] ?? "";
  tries.set(key, (tries.get(key) ?? 0) + 1);
  return tries.get(key) > 1;
}

function answer(request) {
  const [name, lines] = [way(request), seen(request)];
  return SERVE[name] ? SERVE[name](lines, request) : { content: OBEY[name](lines, request) };
}

const CHAOS = { drop: { dropRate: 1 }, malformed: { malformedRate: 1 }, disconnect: { disconnectRate: 1 }, ratelimit: { rateLimitRate: 1 } };

const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent" });
for (const [name, chaos] of Object.entries(CHAOS)) {
  mock.on({ predicate: (request) => way(request) === `chaos-${name}` }, { content: "{\"findings\": []}" }, { chaos });
}
mock.on({ predicate: () => true }, answer);
await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
