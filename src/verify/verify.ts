/** The whole chain of proof, layer by layer and network by network, for whoever wants to see it run. */
import { fastCoreAvailable } from "#compile-core";
import { OptionError, unknownName } from "../errors.js";
import { NETWORK_NAMES, type NetworkName } from "../models/networks.js";
import { againstOracle, againstReference, differences, type LinkReport } from "./chain.js";
import type { LayerDescription } from "./description.js";
import { DESCRIPTIONS } from "./descriptions/index.js";
import { Machine } from "./machine.js";
import { networkAgainstOracle, networkAgainstReference, networkDifferences } from "./networks.js";
import { openOracle } from "./oracle/index.js";

export interface VerifyOptions {
  /** Random cases a layer. */
  readonly cases?: number; // 100
  /** Random cases a network: each takes seconds. */
  readonly networkCases?: number; // 1
  readonly seed?: number; // 0
  /** The fast core, with relaxed SIMD, by the same tolerances. */
  readonly fast?: boolean; // false
  /** Called when a link of the chain is done. */
  readonly onReport?: (report: LinkReport) => void;
}

export interface Verification {
  readonly ok: boolean;
  readonly reports: readonly LinkReport[];
  /** Undefined when tfjs is not installed: then that link is missing. */
  readonly tfjs: string | undefined;
}

export const VERIFIABLE: readonly string[] = [...DESCRIPTIONS.map(({ name }) => name), ...NETWORK_NAMES];

/**
 * @param what "all", or a layer or network by name
 * @throws OptionError for an unknown name
 */
export async function verify(what: string, options: VerifyOptions = {}): Promise<Verification> {
  const { cases = 100, networkCases = 1, seed = 0, fast = false, onReport } = options;
  const chosen = (name: string) => what === "all" || what === name;
  if (what !== "all" && !VERIFIABLE.includes(what)) {
    throw new OptionError(unknownName("layer or network", what, ["all", ...VERIFIABLE]));
  }
  if (fast && !fastCoreAvailable()) throw new OptionError("verify: fast: there is no relaxed SIMD here.");
  const machine = await Machine.open(fast);
  const oracle = await openOracle();
  const reports: LinkReport[] = [];
  const add = (report: LinkReport) => {
    reports.push(report);
    onReport?.(report);
  };
  const layer = (description: LayerDescription) => {
    const link = { cases, seed };
    add(differences(description, link));
    add(againstReference(description, machine, link));
    if (oracle) add(againstOracle(description, machine, oracle.layer, link));
  };
  const network = (name: NetworkName) => {
    const link = { cases: networkCases, seed };
    add(networkDifferences(name, link));
    add(networkAgainstReference(name, machine, link));
    if (oracle) add(networkAgainstOracle(name, machine, oracle.network, link));
  };
  DESCRIPTIONS.filter(({ name }) => chosen(name)).forEach(layer);
  NETWORK_NAMES.filter(chosen).forEach(network);
  return { ok: reports.every(({ failure }) => !failure), reports, tfjs: oracle?.version };
}
