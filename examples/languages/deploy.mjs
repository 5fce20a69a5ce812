// A step in Node: registers a secret, hands an output on, starts a job, tells a finding. No package is needed.
import { appendFileSync } from "node:fs";
import { connect } from "node:net";

// Resolves when the values are masked in all output that follows; rejects when they are not.
function register(...values) {
  return new Promise((resolve, reject) => {
    const body = Buffer.from(JSON.stringify({ action: "register", secrets: values }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    let reply = "";
    const socket = connect(process.env.REACTORCIDE_SECRETS_SOCKET, () => socket.write(Buffer.concat([length, body])));
    socket.on("data", (bytes) => (reply += bytes));
    socket.on("error", reject);
    socket.on("end", () => {
      if (!reply.startsWith("{")) return reject(new Error(reply.trim() || "no reply"));
      if (JSON.parse(reply).masked < values.length) return reject(new Error("a value is too short to be masked"));
      resolve();
    });
  });
}

const token = "node-" + "Kq7vZx9wPf3mBn";
await register(token);
console.log(`deploying with ${token}`);
appendFileSync(process.env.RUNNERLIB_OUTPUT, "version=1.2\n");
appendFileSync(process.env.RUNNERLIB_TRIGGERS, JSON.stringify({ job_name: "smoke", env: { TARGET: "node" } }) + "\n");
console.log("deploy.yaml:3:7: warning: no health check"); // in gcc's form, for `problem_matchers: [gcc]`
