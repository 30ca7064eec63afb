/** Python's packages, which are checked against where they are installed. */
import { spawnSync } from "node:child_process";

const PYTHONS = process.env.CBAPD_PYTHON ? [process.env.CBAPD_PYTHON] : ["python3", "/usr/bin/python3"];

/** The backend with the least beside it: no TensorFlow, no PyTorch. */
export const KERAS_ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  KERAS_BACKEND: process.env.KERAS_BACKEND ?? "numpy",
};

/** An interpreter that has the module; undefined when none has. */
export function pythonWith(module: string): string | undefined {
  return PYTHONS.find(
    (python) => spawnSync(python, ["-c", `import ${module}, numpy`], { env: KERAS_ENVIRONMENT }).status === 0,
  );
}
