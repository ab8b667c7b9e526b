// A login of the locustfile's own, with a form of its own: what its view receives is what Locust's page would send.
import { expect, test } from "vitest";
import { serious } from "./support/axe.ts";
import { browserOfFile } from "./support/page.ts";
import { run } from "./support/run.ts";

const open = browserOfFile();

const LOCUSTFILE = `
from flask import Blueprint, jsonify, request
from flask_login import UserMixin
from locust import User, events, task

class Visitor(User):
    @task
    def look(self):
        pass

@events.init.add_listener
def own_login(environment, **_):
    own = Blueprint("own", __name__)
    environment.web_ui.app.config["SECRET_KEY"] = "k"
    environment.web_ui.login_manager.user_loader(lambda name: UserMixin())
    environment.web_ui.auth_args = {"custom_form": {"callback_url": "/own_login", "submit_button_text": "Let me in", "inputs": [
        {"label": "Name <i>", "name": "username", "default_value": "ann", "is_required": True},
        {"label": "Admin", "name": "is_admin", "default_value": False},
        {"label": "Guest", "name": "is_guest", "default_value": False},
        {"label": "Group", "name": "group", "choices": ["dev", "ops"], "default_value": "ops"},
        {"label": "Several", "name": "several", "choices": ["a", "b", "c"], "is_multiple": True},
        {"label": "Mail", "name": "mail", "type": "email"},
        {"label": "Secret", "name": "password", "is_secret": True},
    ]}}

    @own.route("/own_login", methods=["POST"])
    def take():
        return jsonify(request.form.to_dict(flat=False))

    environment.web_ui.app.register_blueprint(own)
`;

test("a form of the locustfile's own is filled in and sent as a browser sends forms", async () => {
  const running = await run(["--web-login"], LOCUSTFILE);
  try {
    const { page } = await open();
    await page.goto(running.url);
    expect(await serious(page)).toEqual([]);
    expect(await page.getByLabel("Name <i>").inputValue()).toBe("ann");
    expect(await page.getByLabel("Mail").getAttribute("type")).toBe("email");
    await page.getByLabel("Admin").check();
    await page.getByLabel("Several").selectOption(["a", "c"]);
    await page.getByLabel("Secret").fill("p&q");
    await page.getByRole("button", { name: "Let me in" }).click();
    await page.waitForURL("**/own_login");
    expect(JSON.parse(await page.locator("body").innerText())).toEqual({
      username: ["ann"],
      is_admin: ["on"],
      group: ["ops"],
      several: ["a", "c"],
      mail: [""],
      password: ["p&q"],
    });
  } finally {
    await running.stop();
  }
});
