import { render } from "preact";

render(<h1>Gregaria</h1>, document.getElementById("root") as HTMLElement);
