import { render } from "preact";
import { App } from "./app.js";
import "./styles/theme.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/components.css";
import "./styles/print.css";

render(<App />, document.getElementById("app")!);
