import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/tables.css";
import "./styles/execution.css";
import "./styles/log.css";

import { render } from "preact";

import { App } from "./app";
import { start } from "./state/app";

const root = document.getElementById("app");
if (root) {
  start();
  render(<App />, root);
}
