import "./styles/theme.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/components.css";
import "./styles/print.css";
import { render } from "preact";
import { App } from "./app.js";
import { meetEngine } from "./training.js";

void meetEngine();
render(<App />, document.getElementById("app")!);
