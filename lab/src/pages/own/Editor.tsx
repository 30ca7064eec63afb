/** A network as a list of layers: each change shows at once what it costs, or what the library has against it. */
import { useEffect, useState } from "preact/hooks";
import { commandLine } from "../../commandLine.js";
import { CopyText } from "../../components/CopyText.js";
import { Figures } from "../../components/Figures.js";
import { formatBytes, formatCount, formatShape } from "../../components/numbers.js";
import { type LayerSpec, NETWORK_NAMES, type NetworkName } from "../../engine/protocol/network.js";
import type { OwnView } from "../../engine/protocol/own.js";
import { useCall } from "../../engine/useCall.js";
import { parameter, setParameters } from "../../router.js";
import {
  addressOfSetup,
  CLASSES,
  DEFAULT_WIDTH,
  IMAGE_SHAPE,
  layersOf,
  networkSpec,
  setup,
} from "../../setup.js";
import {
  freshLayer,
  LAYER_FIELDS,
  LAYER_KINDS,
  type LayerField,
  optionOf,
  textOf,
  withOption,
} from "./layerFields.js";
import { t } from "./words.js";

/** inception10 and resnet18 have branches. */
const CHAINS = NETWORK_NAMES.filter((name) => name !== "inception10" && name !== "resnet18");
type Chain = NetworkName & (typeof CHAINS)[number];

export function Editor() {
  const given = layersOf(parameter("draft"));
  const chosen = setup.value.network === "own" ? undefined : setup.value.network;
  const base: Chain = CHAINS.find((name) => name === chosen) ?? "baseline";
  const fallback = useCall(
    "layersOf",
    given || setup.value.layers
      ? undefined
      : networkSpec({
          ...setup.value,
          network: base,
          width: base === chosen ? setup.value.width : DEFAULT_WIDTH[base],
        }),
  );
  const layers = given ?? setup.value.layers ?? fallback.value;
  const [added, setAdded] = useState("conv2d");
  const { batchSize, optimizer, learningRate } = setup.value;
  const spec = layers && {
    layers,
    inputShape: IMAGE_SHAPE,
    classes: CLASSES,
    batchSize,
    optimizer,
    learningRate,
  };
  const { value: view } = useCall("describeOwn", spec);
  if (!layers) return null;
  // Each change is a step in the browser's history: Back undoes it.
  const change = (next: readonly LayerSpec[]) =>
    setParameters({ draft: JSON.stringify(next) }, { step: true });
  const replace = (at: number, ...instead: LayerSpec[]) => change(layers.toSpliced(at, 1, ...instead));
  const swap = (at: number) => change(layers.toSpliced(at, 2, layers[at + 1], layers[at]));

  return (
    <section class="panel stack">
      <div class="editor-head">
        <h2>{t("network")}</h2>
        <BeginWith onLayers={change} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll-x" tabIndex={0} aria-label={t("network")}>
        <table class="editor">
          <thead>
            <tr>
              <th scope="col" class="text">
                {t("layer")}
              </th>
              <th scope="col" class="text">
                {t("settings")}
              </th>
              <th scope="col">{t("output")}</th>
              <th scope="col">{t("parameters")}</th>
              <th scope="col">{t("macs")}</th>
              <th scope="col">{t("change")}</th>
            </tr>
          </thead>
          <tbody>
            {layers.map((layer, at) => (
              <Row
                key={at}
                layer={layer}
                name={nameOf(layers, at)}
                view={view}
                at={at}
                last={layers.length - 1}
                onChange={(next) => replace(at, next)}
                onRemove={() => replace(at)}
                onUp={() => swap(at - 1)}
                onDown={() => swap(at)}
              />
            ))}
          </tbody>
        </table>
      </section>
      {view?.failure && (
        <p class="failure" role="alert">
          {view.failure.message}
        </p>
      )}
      <div class="buttons editor-add">
        <select
          aria-label={t("add")}
          value={added}
          onChange={({ currentTarget }) => setAdded(currentTarget.value)}
        >
          {LAYER_KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {kind}
            </option>
          ))}
        </select>
        <button type="button" onClick={() => change([...layers, freshLayer(added)])}>
          {t("addButton")}
        </button>
      </div>
      {view?.totals && (
        <>
          <Figures
            entries={[
              { key: "parameters", name: t("total"), value: formatCount(view.totals.parameters) },
              { key: "macs", name: t("totalMacs"), value: formatCount(view.totals.macs) },
              {
                key: "memory",
                name: t("memory", { batch: batchSize }),
                value: formatBytes(view.totals.trainingBytes),
              },
            ]}
          />
          <div class="buttons">
            <a class="button primary" href={addressOfSetup("train", { network: "own", layers })}>
              {t("train")}
            </a>
          </div>
        </>
      )}
      {view?.files && <Files files={view.files} />}
    </section>
  );
}

/** As the library will call it, also while something before it is wrong: conv2d, conv2d_1. */
function nameOf(layers: readonly LayerSpec[], at: number): string {
  const { kind } = layers[at];
  const before = layers.slice(0, at).filter((layer) => layer.kind === kind).length;
  return before === 0 ? kind : `${kind}_${before}`;
}

function Row(props: {
  readonly layer: LayerSpec;
  readonly name: string;
  readonly view: OwnView | undefined;
  readonly at: number;
  readonly last: number;
  readonly onChange: (layer: LayerSpec) => void;
  readonly onRemove: () => void;
  readonly onUp: () => void;
  readonly onDown: () => void;
}) {
  const { layer, name, view, at, last } = props;
  const row = view?.rows[at];
  const bad = view?.failure?.row === at;
  return (
    <tr class={bad ? "bad-row" : undefined}>
      <th scope="row" class={`layer-cell kind-${layer.kind}`}>
        {name}
      </th>
      <td class="text">
        <div class="layer-fields">
          {(LAYER_FIELDS[layer.kind] ?? []).map((field) => (
            <OptionField key={field.key} field={field} name={name} layer={layer} onChange={props.onChange} />
          ))}
        </div>
      </td>
      <td>{row ? formatShape(row.outputShape) : "–"}</td>
      <td>{row ? formatCount(row.parameters) : "–"}</td>
      <td>{row ? formatCount(row.macs) : "–"}</td>
      <td>
        <div class="row-buttons">
          <button
            type="button"
            class="quiet"
            aria-label={t("up", { layer: name })}
            disabled={at === 0}
            onClick={props.onUp}
          >
            ↑
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={t("down", { layer: name })}
            disabled={at === last}
            onClick={props.onDown}
          >
            ↓
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={t("remove", { layer: name })}
            onClick={props.onRemove}
          >
            ×
          </button>
        </div>
      </td>
    </tr>
  );
}

function OptionField({
  field,
  name,
  layer,
  onChange,
}: {
  readonly field: LayerField;
  readonly name: string;
  readonly layer: LayerSpec;
  readonly onChange: (layer: LayerSpec) => void;
}) {
  const value = textOf(layer[field.key] ?? field.normal);
  const [text, setText] = useState(value);
  // "0." is on its way to 0.5: what is typed stays as long as it means the same.
  useEffect(() => {
    if (textOf(optionOf(text, field.kind) ?? field.normal) !== value) setText(value);
  }, [value]);
  const label = `${name}: ${field.key}`;
  const tell = (text: string) => onChange(withOption(layer, field, text));
  return (
    <div class="option">
      <span aria-hidden="true">{field.key}</span>
      {field.kind === "number" ? (
        <input
          type="text"
          inputMode="decimal"
          autoComplete="off"
          aria-label={label}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            tell(currentTarget.value);
          }}
        />
      ) : (
        <select aria-label={label} value={value} onChange={({ currentTarget }) => tell(currentTarget.value)}>
          {field.kind.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}

function BeginWith({ onLayers }: { readonly onLayers: (layers: readonly LayerSpec[]) => void }) {
  const [name, setName] = useState<Chain>();
  const { value } = useCall(
    "layersOf",
    name && { network: name, width: DEFAULT_WIDTH[name], inputShape: IMAGE_SHAPE, classes: CLASSES },
  );
  if (name && value) {
    // Once it has come, it is the list's.
    queueMicrotask(() => {
      setName(undefined);
      onLayers(value);
    });
  }
  return (
    <label class="begin-with">
      {t("from")}
      <select value="" onChange={({ currentTarget }) => setName(currentTarget.value as Chain)}>
        <option value="" disabled>
          …
        </option>
        {CHAINS.map((chain) => (
          <option key={chain} value={chain}>
            {chain}
          </option>
        ))}
      </select>
    </label>
  );
}

function Files({ files }: { readonly files: NonNullable<OwnView["files"]> }) {
  const [shown, setShown] = useState<"code" | "modelJson">("code");
  const names = { code: "my-net.js", modelJson: "model.json" } as const;
  const name = names[shown];
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([files[shown]]));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <section class="stack export" aria-label={t("export")}>
      <h3>{t("export")}</h3>
      <div class="buttons">
        {(["code", "modelJson"] as const).map((which) => (
          <button key={which} type="button" aria-pressed={shown === which} onClick={() => setShown(which)}>
            {t(which)}
          </button>
        ))}
        <button type="button" onClick={save}>
          {t("download", { file: name })}
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="file-text" tabIndex={0} aria-label={name}>
        <pre>{files[shown]}</pre>
      </section>
      <CopyText label={t("command")} text={commandLine(setup.value, undefined, name)} />
    </section>
  );
}
