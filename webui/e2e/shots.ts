// Screenshots of the page and of a report for people to look at: light and dark, phone, desk and wall. No test.
// Usage: SHOTS=FOLDER [ONLY=regex of scenes] npm run shots
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { launch, open } from "./support/browser.ts";
import { state, tab } from "./support/page.ts";
import { type Running, run } from "./support/run.ts";

const WIDTHS = [375, 1280, 2560];
const RUN_MS = Number(process.env.RUN_SECONDS ?? 30) * 1000;

const SHOP = `
import random
from locust import HttpUser, between, events, tag, task

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--catalogue", default="spring", choices=["spring", "summer"], help="Which articles are looked at")
    parser.add_argument("--api-key", default="1234", is_secret=True, help="For the partner's part")
    parser.add_argument("--with-images", action="store_true", help="Ask for pictures too")

class Visitor(HttpUser):
    wait_time = between(0.1, 0.4)
    weight = 3

    @task(6)
    def look(self):
        self.client.get("/")
        self.client.get(f"/delay/{random.choice([5, 8, 12, 40])}", name="/articles/[id]")

    @task(2)
    def search(self):
        self.client.get(f"/delay/{random.choice([30, 60, 90, 250])}", name="/search?q=[term]")

    @task
    def lost(self):
        self.client.get("/status/404", name="/articles/[old]")

class Buyer(HttpUser):
    wait_time = between(0.2, 0.6)

    @task(4)
    def cart(self):
        with self.client.post("/delay/15", json={"article": 7}, name="/cart", catch_response=True) as response:
            if random.random() < 0.02:
                response.failure("the cart is empty after adding an article")

    @task
    def pay(self):
        self.client.put("/delay/120", json={"card": "visa"}, name="/orders/[id]/payment")
        if random.random() < 0.05:
            raise RuntimeError("no confirmation came")

    @task
    def export(self):
        self.client.get("/delay/3000", name="/orders/export.csv")
`;

const folder = process.env.SHOTS ?? "shots";
const only = new RegExp(process.env.ONLY ?? "");
mkdirSync(folder, { recursive: true });
const browser = await launch();

type Scene = readonly [string, (page: Page) => Promise<unknown>];
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const shown = (name: string): Scene => [name.toLowerCase(), (page) => tab(page, name)];

async function shoot(address: string, scenes: readonly Scene[]): Promise<void> {
  const wanted = scenes.filter(([name]) => only.test(name));
  if (wanted.length === 0) return;
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of WIDTHS) {
      const { page } = await open(browser, { colorScheme, viewport: { width, height: width === 375 ? 800 : 1000 } });
      for (const [name, act] of wanted) {
        await page.goto(address);
        await page.waitForLoadState("load");
        await act(page);
        // So that lines are drawn, and what was fetched is there; nothing depends on it.
        await page.waitForTimeout(500);
        const path = join(folder, `${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path, fullPage: !/^dialog/.test(name) });
      }
      await page.context().close();
    }
  }
}

async function post(running: Running, path: string, fields: Record<string, string> = {}): Promise<void> {
  await fetch(`${running.url}${path}`, { method: "POST", body: new URLSearchParams(fields) });
}

const BEFORE: Scene[] = [
  ["start", (page) => page.getByRole("heading", { name: "Start a load test" }).waitFor()],
  [
    "start-wrong",
    async (page) => {
      await page.getByLabel("Users", { exact: true }).fill("many");
      await page.getByText("Advanced options").click();
      await press(page, "Start");
    },
  ],
  ["dialog-class", (page) => page.getByRole("button", { name: "Settings of Visitor" }).click()],
];

const DURING: Scene[] = [
  ...["Statistics", "Charts", "Failures", "Exceptions", "Ratios", "Phases", "Workers", "Logs", "Download", "Runs"].map(
    shown,
  ),
  [
    "failure-open",
    async (page) => {
      await tab(page, "Failures");
      await page.locator(".fold > summary").first().click();
      await page.getByText("HTTP/1.1").first().waitFor();
    },
  ],
  [
    "charts-names",
    async (page) => {
      await page.getByRole("button", { name: /search/ }).click();
      await page.getByRole("button", { name: /cart/ }).click();
      await tab(page, "Charts");
    },
  ],
  ["thresholds", (page) => page.getByText("of 2 broken").click()],
  ["dialog-edit", (page) => press(page, "Edit")],
  ["dialog-help", (page) => press(page, "Help")],
];

const AFTER: Scene[] = [
  ["stopped", (page) => page.locator("tfoot").waitFor()],
  ["dialog-new", (page) => press(page, "New")],
  [
    "compare",
    async (page) => {
      await tab(page, "Runs");
      for (const row of [0, 1]) await page.locator("tbody tr").nth(row).getByRole("button").click();
      await press(page, "Compare two");
      await page.getByRole("region", { name: "By name" }).waitFor();
    },
  ],
  [
    "dialog-delete",
    async (page) => {
      await tab(page, "Runs");
      await page.locator("tbody tr").first().getByRole("button").click();
      await press(page, "Delete");
    },
  ],
];

const thresholds = ["--fail-if", "p95 > 400ms", "--fail-if", "fail_ratio > 1%"];
const running = await run(["--class-picker", ...thresholds], SHOP);
const start = { user_count: "20", spawn_rate: "5", shape_class: "Default" };
const lasts = () => new Promise((resolve) => setTimeout(resolve, RUN_MS));
try {
  await shoot(running.url, BEFORE);
  if (only.test("compare")) {
    await post(running, "swarm", { ...start, user_count: "10" });
    await lasts();
    await post(running, "stop");
  }
  await post(running, "swarm", start);
  await lasts();
  await shoot(running.url, DURING);
  const { page } = await open(browser);
  await page.goto(running.url);
  await press(page, "Stop");
  await state(page, "Stopped");
  await shoot(running.url, AFTER);
  await shoot(`${running.url}stats/report`, [["report", (page) => page.locator("#names").waitFor()]]);
} finally {
  await running.stop();
}
const led = await run(["--processes", "2", "--web-credentials", "ann:passcode9"], SHOP);
try {
  await shoot(led.url, [["login", (page) => page.getByLabel("User").waitFor()]]);
} finally {
  await led.stop();
}
const many = await run(["--processes", "2"], SHOP);
try {
  await post(many, "swarm", { user_count: "12", spawn_rate: "5" });
  await shoot(many.url, [
    [
      "workers-two",
      async (page) => {
        await tab(page, "Workers");
        await page.getByRole("region", { name: "Workers", exact: true }).locator("tbody tr").nth(1).waitFor();
      },
    ],
  ]);
} finally {
  await many.stop();
  await browser.close();
}
