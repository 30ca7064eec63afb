/** A network's layers in order, one of them chosen: a list box, so arrow keys, Home and End go about in it. */
import { useRef } from "preact/hooks";
import type { GraphNodeView } from "../engine/protocol/network.js";
import { formatShape } from "./numbers.js";

export interface LayerPickerProps {
  readonly label: string;
  readonly nodes: readonly Pick<GraphNodeView, "name" | "kind" | "outputShape">[];
  /** An index into nodes. */
  readonly selected: number;
  readonly onSelect: (index: number) => void;
}

export function LayerPicker({ label, nodes, selected, onSelect }: LayerPickerProps) {
  const list = useRef<HTMLDivElement>(null);
  const go = (index: number) => {
    const next = Math.min(nodes.length - 1, Math.max(0, index));
    onSelect(next);
    (list.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <div
      ref={list}
      class="layer-picker"
      role="listbox"
      tabIndex={-1}
      aria-label={label}
      onKeyDown={(event) => {
        const targets: Readonly<Record<string, number>> = {
          ArrowDown: selected + 1,
          ArrowRight: selected + 1,
          ArrowUp: selected - 1,
          ArrowLeft: selected - 1,
          Home: 0,
          End: nodes.length - 1,
        };
        if (!(event.key in targets)) return;
        event.preventDefault();
        go(targets[event.key]);
      }}
    >
      {nodes.map((node, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the list box itself listens to keys
        <div
          key={node.name}
          role="option"
          aria-selected={index === selected}
          tabIndex={index === selected ? 0 : -1}
          class={`layer kind-${node.kind}`}
          onClick={() => onSelect(index)}
        >
          <span class="layer-name">{node.name}</span>
          <span class="layer-shape">{formatShape(node.outputShape)}</span>
        </div>
      ))}
    </div>
  );
}
