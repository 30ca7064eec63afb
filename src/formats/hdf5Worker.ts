/**
 * The thread in which an HDF5 file is taken apart. The file lies in the memory of h5wasm's own file system, where no other file is; so
 * whatever it points to cannot be reached, and is refused anyway. Whoever started the thread ends it when it takes too long.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Group, Metadata } from "h5wasm";
import type { Hdf5Answer, Hdf5Dataset, Hdf5Limits } from "./hdf5.js";

const FILE = "/file.h5";
const FLOAT32_BYTES = 4;

interface Work {
  readonly bytes: Uint8Array;
  readonly limits: Hdf5Limits;
  readonly attributes: readonly string[];
  readonly skip: readonly string[];
}

class Refused extends Error {
  constructor(
    message: string,
    readonly code: Extract<Hdf5Answer, { kind: "refused" }>["code"],
  ) {
    super(message);
  }
}

async function take({ bytes, limits, attributes, skip }: Work): Promise<Hdf5Answer> {
  const library = await import("h5wasm").catch(() => undefined);
  if (!library) return { kind: "missing" };
  const core = await library.ready;
  core.activate_throwing_error_handler();
  core.FS.writeFile(FILE, bytes, { canOwn: true } as never);
  const datasets: Hdf5Dataset[] = [];
  const texts: { path: string; name: string; values: string[] }[] = [];
  const state = { objects: 0, dataBytes: 0, textBytes: 0 };

  const count = (path: string) => {
    if (++state.objects > limits.objects) {
      throw new Refused(
        `it has more than ${limits.objects} groups and datasets, ${path} among them`,
        "HDF5_TOO_MANY",
      );
    }
  };
  const readTexts = (group: Group) => {
    for (const name of core.get_attribute_names(group.file_id, group.path)) {
      if (!attributes.some((wanted) => name === wanted || name.replace(/\d+$/, "") === wanted)) continue;
      const metadata: Metadata = core.get_attribute_metadata(group.file_id, group.path, name);
      state.textBytes += metadata.size * metadata.total_size;
      if (state.textBytes > limits.textBytes) {
        throw new Refused(`its attributes have more than ${limits.textBytes} bytes`, "HDF5_TOO_LARGE");
      }
      const value: unknown = group.get_attribute(name, false);
      const values = Array.isArray(value) ? value : [value];
      if (!values.every((each) => typeof each === "string")) continue;
      texts.push({ path: group.path, name, values });
    }
  };
  const readDataset = (group: Group, path: string) => {
    const metadata: Metadata = core.get_dataset_metadata(group.file_id, path);
    if (metadata.virtual_sources !== undefined) {
      throw new Refused(`dataset ${path} is put together from other files`, "HDF5_LINK");
    }
    const shape = metadata.shape === null ? undefined : metadata.shape.map(Number);
    const isFloat =
      shape !== undefined &&
      metadata.type === core.H5T_class_t.H5T_FLOAT.value &&
      metadata.size === FLOAT32_BYTES &&
      !metadata.vlen;
    if (!isFloat) {
      datasets.push({ path, shape: shape ?? [], data: undefined });
      return;
    }
    const size = shape.reduce((product, length) => product * length, 1);
    state.dataBytes += size * FLOAT32_BYTES;
    if (!(state.dataBytes <= limits.dataBytes)) {
      throw new Refused(`its datasets would have more than ${limits.dataBytes} bytes`, "HDF5_TOO_LARGE");
    }
    const value: unknown = size === 0 ? new Float32Array(0) : new library.Dataset(group.file_id, path).value;
    const data = value instanceof Float32Array ? value : undefined;
    if (data?.length !== size) throw new Refused(`dataset ${path} cannot be read`, "HDF5_DAMAGED");
    datasets.push({ path, shape, data });
  };
  const walk = (group: Group, depth: number) => {
    if (depth > limits.depth) {
      throw new Refused(`its groups are nested deeper than ${limits.depth}`, "HDF5_TOO_MANY");
    }
    readTexts(group);
    for (const name of group.keys()) {
      const path = `${group.path === "/" ? "" : group.path}/${name}`;
      count(path);
      if (depth === 0 && skip.includes(name)) continue;
      if (name === "" || name === "." || name === ".." || name.includes("/")) {
        throw new Refused(`${group.path} holds something without a name`, "HDF5_DAMAGED");
      }
      switch (group.get_type(path)) {
        case core.H5G_GROUP:
          walk(new library.Group(group.file_id, path), depth + 1);
          break;
        case core.H5G_DATASET:
          readDataset(group, path);
          break;
        case core.H5G_TYPE:
          break;
        default: // external links, and those within the file that lead nowhere
          throw new Refused(`${path} is a link to elsewhere`, "HDF5_LINK");
      }
    }
  };

  const file = new library.File(FILE, "r");
  if (file.file_id <= 0n) throw new Refused("h5wasm cannot open it", "HDF5_DAMAGED");
  walk(file, 0);
  return { kind: "read", datasets, texts };
}

const port = parentPort!;
try {
  const answer = await take(workerData as Work);
  const buffers =
    answer.kind === "read" ? answer.datasets.flatMap(({ data }) => (data ? [data.buffer] : [])) : [];
  port.postMessage(answer, [...new Set(buffers)] as ArrayBuffer[]);
} catch (error) {
  // What the library says is a stack trace of its own.
  const { message, code } =
    error instanceof Refused ? error : new Refused("h5wasm cannot read it", "HDF5_DAMAGED");
  port.postMessage({ kind: "refused", message, code } satisfies Hdf5Answer);
}
