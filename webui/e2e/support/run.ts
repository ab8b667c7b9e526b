// The installed command with its web UI, against testkit's server: both as processes, ended when the test is over.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { HOSTILE } from "../../tests/support/result.ts";

const repository = new URL("../../../", import.meta.url).pathname;
const testkit = process.env.GREGARIA_TESTKIT ?? `${process.env.CARGO_TARGET_DIR ?? `${repository}target`}/release`;
const command = process.env.GREGARIA_COMMAND ?? `${repository}.venv/bin/gregaria`;

/** Two classes, every kind of trouble, and names and texts that would like to be markup. */
const LOCUSTFILE = `
from locust import HttpUser, constant, events, task

HOSTILE = ${JSON.stringify(HOSTILE)}

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--word", default="apple", help="A word")
    parser.add_argument("--pin", default="1234", is_secret=True, help="Kept to oneself")
    parser.add_argument("--colour", default="red", choices=["red", "blue"])
    parser.add_argument("--fast", action="store_true")

class Shop(HttpUser):
    wait_time = constant(0.05)

    @task(5)
    def page(self):
        self.client.get("/")
        self.client.get("/", name="/said/" + self.environment.parsed_options.word)

    @task
    def missing(self):
        self.client.get("/status/404", name="missing")

    @task
    def hostile(self):
        with self.client.get("/", name="x" + HOSTILE, catch_response=True) as response:
            response.failure("bad " + HOSTILE)

    @task
    def broken(self):
        raise ValueError("broken " + HOSTILE)

class Other(HttpUser):
    wait_time = constant(0.05)

    @task
    def page(self):
        self.client.get("/delay/4000", name="of the other class")
`;

export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

export async function run(options: readonly string[] = [], locustfile = LOCUSTFILE): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "gregaria-page-"));
  const server = await testServer();
  writeFileSync(join(folder, "locustfile.py"), locustfile);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = spawn(
    command,
    [
      "-f",
      "locustfile.py",
      "-H",
      server.url,
      "--web-port",
      String(port),
      "--run-store",
      join(folder, "runs"),
      ...options,
    ],
    {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  for (const deadline = Date.now() + 90_000; ; ) {
    const answer = await fetch(`${url}login`, { redirect: "manual" }).catch(() => null);
    if (answer !== null) break;
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`the command did not serve its page: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    stop: async () => {
      await ended(child, () => child.kill("SIGINT"));
      await ended(server.child, () => server.child.stdin?.end());
    },
  };
}

async function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null) return;
  const over = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  end();
  await over;
  clearTimeout(timer);
}

async function testServer(): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const child = spawn(join(testkit, "testkit-server"), [], { stdio: ["pipe", "pipe", "inherit"] });
  let url = "";
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (line.startsWith("listening") && url === "") url = line.split(" ").at(-1) ?? "";
    if (line.startsWith("ready")) break;
  }
  return { url, child };
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
