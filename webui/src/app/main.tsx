// The page of the web UI: draws what it was given at once, then follows the event stream.
import { render } from "preact";
import "../styles/base.css";
import "../styles/parts.css";
import "../styles/app.css";
import { App } from "./app.tsx";
import { args } from "./arguments.ts";
import { listen } from "./keyboard.ts";
import { connect } from "./stream.ts";
import { loadRuns } from "./tabs/runs.tsx";

const root = document.getElementById("root");
if (root !== null) {
  if (args.profile) document.title = `Gregaria: ${args.profile}`;
  render(<App />, root);
  connect();
  listen();
  void loadRuns();
}
