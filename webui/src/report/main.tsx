// The report: reads the data in its own file and draws them.
import { render } from "preact";
import "../styles/base.css";
import "../styles/parts.css";
import "../styles/report.css";
import { readData } from "./data.ts";
import { Report } from "./report.tsx";

const root = document.getElementById("root");
const data = document.getElementById("gregaria-data");
if (root !== null && data !== null) {
  readData(data.textContent ?? "").then(
    (result) => render(<Report result={result} />, root),
    (error: unknown) => render(<p class="empty">{String(error instanceof Error ? error.message : error)}</p>, root),
  );
}
