/** The formula of a stage, forward and backward: as the textbook has it, and with the numbers put in. */
import { type Formula, fraction, hat, number, root, signed, sub, sum, sup } from "../../components/math.js";
import type { BackwardCell, ForwardCell, Path, Stage, WeightCell } from "../../engine/protocol/explain.js";

/** Terms that a line has room for. */
const SHOWN = 2;

export function forwardFormula(stage: Stage): Formula {
  switch (stage.kind) {
    case "conv2d":
      return [
        sub("y", "i j f"),
        "=",
        ...(stage.weights.bias ? [sub("b", "f"), "+"] : []),
        sum("a , b , c"),
        sub("x", "i s + a − p , j s + b − p , c"),
        "·",
        sub("w", "a b c f"),
      ];
    case "dense":
      return [
        sub("y", "o"),
        "=",
        ...(stage.weights.bias ? [sub("b", "o"), "+"] : []),
        sum("i"),
        sub("x", "i"),
        "·",
        sub("w", "i o"),
      ];
    case "batch_normalization":
      return ["y = γ", fraction(["x − μ"], root(["v + ε"])), "+ β"];
    case "max_pooling2d":
      return [sub("y", "i j c"), "=", sub("max", "a , b"), sub("x", "i s + a − p , j s + b − p , c")];
    case "average_pooling2d":
    case "global_average_pooling2d":
      return ["y =", fraction("1", "n"), sum("window"), "x"];
    case "dropout":
      return ["y =", fraction(["m · x"], ["1 − rate"])];
    case "add":
      return ["y =", sub("x", "0"), "+", sub("x", "1"), "+ …"];
    case "activation":
      switch (stage.activation) {
        case "relu":
          return ["y = max ( x , 0 )"];
        case "sigmoid":
          return ["y =", fraction("1", ["1 +", sup("e", "− x")])];
        case "tanh":
          return ["y = tanh ( x )"];
        case "softmax":
          return [
            sub("y", "k"),
            "=",
            fraction(sup("e", [sub("x", "k"), "− max"]), [sum("j"), sup("e", [sub("x", "j"), "− max"])]),
          ];
        default:
          return ["y = x"];
      }
    default:
      return ["y = x"];
  }
}

export function backwardFormula(stage: Stage | undefined): Formula {
  if (!stage)
    return [fraction("∂L", ["∂", sub("z", "k")]), "=", fraction([sub("p", "k"), "−", sub("y", "k")], "N")];
  switch (stage.kind) {
    case "conv2d":
      return [sub("dX", "r q c"), "=", sum("a , b , f"), sub("dY", "i j f"), "·", sub("w", "a b c f")];
    case "dense":
      return [sub("dX", "i"), "=", sum("o"), sub("dY", "o"), "·", sub("w", "i o")];
    case "batch_normalization":
      return [
        "dX =",
        fraction("γ", root(["v + ε"])),
        "(",
        "dY −",
        fraction(["Σ", "dY"], "M"),
        "−",
        hat("x"),
        fraction(["Σ", "dY ·", hat("x")], "M"),
        ")",
      ];
    case "max_pooling2d":
      return ["dX =", sum("windows"), "dY ·", "[", "x = max", "]"];
    case "average_pooling2d":
    case "global_average_pooling2d":
      return ["dX =", sum("windows"), fraction("dY", "n")];
    case "dropout":
      return ["dX =", fraction(["m · dY"], ["1 − rate"])];
    case "activation":
      switch (stage.activation) {
        case "relu":
          return ["dX = dY ·", "[", "x > 0", "]"];
        case "sigmoid":
          return ["dX = dY · y ( 1 − y )"];
        case "tanh":
          return ["dX = dY", "(", "1 −", sup("y", "2"), ")"];
        case "softmax":
          return [
            sub("dX", "j"),
            "=",
            sum("k"),
            sub("dY", "k"),
            "·",
            sub("y", "k"),
            "(",
            sub("δ", "k j"),
            "−",
            sub("y", "j"),
            ")",
          ];
        default:
          return ["dX = dY"];
      }
    default:
      return ["dX = dY"];
  }
}

/** "+ a · b" for the first few terms, and dots for the rest. */
function products(pairs: readonly (readonly [number, number])[]): Formula[] {
  const parts = pairs
    .slice(0, SHOWN)
    .flatMap(([a, b], i): Formula[] => [...(i > 0 ? ["+"] : []), signed(a, 4), "·", signed(b, 4)]);
  return pairs.length > SHOWN ? [...parts, "+ …"] : parts;
}

export function forwardNumbers(found: ForwardCell): Formula {
  const { form, terms, bias, numbers, y } = found;
  const [only] = terms;
  const result: Formula[] = ["=", number(y)];
  switch (form) {
    case "given":
      return ["x =", number(y)];
    case "sum": {
      const plain = terms.every(({ weight }) => !weight);
      const parts = plain
        ? terms.flatMap(({ x }, i): Formula[] => [...(i > 0 ? ["+"] : []), signed(x)])
        : products(terms.map(({ x, factor = 1 }) => [x, factor]));
      return ["y =", ...(bias ? [number(bias.value, 4), "+"] : []), ...parts, ...result];
    }
    case "mean": {
      const shown = terms
        .slice(0, SHOWN)
        .flatMap(({ x }, i): Formula[] => [...(i > 0 ? ["+"] : []), signed(x, 4)]);
      return [
        "y =",
        fraction([...shown, ...(terms.length > SHOWN ? ["+ …"] : [])], String(numbers.count)),
        ...result,
      ];
    }
    case "max": {
      const shown = terms
        .slice(0, 9)
        .flatMap(({ x }, i): Formula[] => [...(i > 0 ? [","] : []), number(x, 4)]);
      return ["y = max (", ...shown, ...(terms.length > 9 ? [", …"] : []), ")", ...result];
    }
    case "mask":
      if (numbers.rate !== undefined) {
        return [
          "y =",
          fraction([String(numbers.kept), "·", signed(only.x)], ["1 −", number(numbers.rate)]),
          ...result,
        ];
      }
      return ["y = max (", number(only.x), ", 0 )", ...result];
    case "function":
      return ["y =", "f", "(", number(only.x), ")", ...result];
    case "normalize":
      return [
        "y =",
        number(numbers.gamma),
        "·",
        fraction(
          [number(only.x), "−", signed(numbers.mean)],
          root([number(numbers.variance), "+", number(numbers.epsilon)]),
        ),
        "+",
        signed(numbers.beta),
        ...result,
      ];
    case "softmax": {
      const own = terms.find(({ from }) => from.index === found.cell.index) ?? only;
      return ["y =", fraction(number(own.product), number(numbers.sum)), ...result];
    }
  }
}

export function pathNumbers({ terms, numbers, sent, name }: Path): Formula {
  if (name === "loss" && numbers.N !== undefined) {
    return [fraction([number(numbers.p), "−", number(numbers.y)], String(numbers.N)), "=", number(sent)];
  }
  if (numbers.inverseStd !== undefined) {
    const parts = terms.flatMap(({ product }, i): Formula[] => [...(i > 0 ? ["+"] : []), signed(product)]);
    return ["dX =", ...parts, "=", number(sent)];
  }
  return ["dX =", ...products(terms.map(({ dY, factor }) => [dY, factor])), "=", number(sent)];
}

export function totalNumbers({ paths, gradient }: BackwardCell): Formula {
  const parts = paths.flatMap(({ sent }, i): Formula[] => [...(i > 0 ? ["+"] : []), signed(sent)]);
  return ["dX =", ...parts, "=", number(gradient)];
}

export function weightFormula({ images, l2, gradient }: WeightCell): Formula {
  const parts = images
    .slice(0, SHOWN)
    .flatMap((value, i): Formula[] => [...(i > 0 ? ["+"] : []), signed(value, 4)]);
  return [
    "dW =",
    sum("n"),
    sum("positions"),
    "x · dY",
    ...(l2 ? ["+ 2 λ w"] : []),
    "=",
    ...parts,
    ...(images.length > SHOWN ? ["+ …"] : []),
    ...(l2 ? ["+", signed(l2.term, 4)] : []),
    "=",
    number(gradient),
  ];
}

/** Adam's lines, each with its name. */
export function adamFormulas({ update }: WeightCell): readonly (readonly [string, Formula])[] {
  const { g, before, m, v, beta1, beta2, t, correction1, correction2, rate, learningRate, step, w, epsilon } =
    update;
  const now = (name: string) => sub(name, String(t));
  const then = (name: string) => sub(name, String(t - 1));
  const power = (name: string) => ["1 −", sup(sub("β", name), "t")];
  const lacks = (beta: number) => ["( 1 −", `${beta}`, ")"];
  return [
    ["g", ["g = dW =", number(g, 9)]],
    ["m", [now("m"), "=", then("m"), "+ ( g −", then("m"), ") ( 1 −", sub("β", "1"), ")"]],
    [
      "m =",
      [
        "=",
        number(before.m, 4),
        "+ (",
        number(g, 4),
        "−",
        signed(before.m, 4),
        ")",
        ...lacks(beta1),
        "=",
        number(m, 9),
      ],
    ],
    ["v", [now("v"), "=", then("v"), "+ (", sup("g", "2"), "−", then("v"), ") ( 1 −", sub("β", "2"), ")"]],
    [
      "v =",
      [
        "=",
        number(before.v, 4),
        "+ (",
        sup(signed(g, 4), "2"),
        "−",
        number(before.v, 4),
        ")",
        ...lacks(beta2),
        "=",
        number(v, 9),
      ],
    ],
    ["correction", [...power("1"), "=", number(correction1), ",", ...power("2"), "=", number(correction2)]],
    [
      "hat",
      [
        hat("m"),
        "=",
        fraction(now("m"), power("1")),
        "=",
        number(update.mHat),
        ",",
        hat("v"),
        "=",
        fraction(now("v"), power("2")),
        "=",
        number(update.vHat),
      ],
    ],
    [
      "rate",
      [
        sub("lr", "t"),
        "= lr ·",
        fraction(root(power("2")), power("1")),
        "=",
        `${learningRate}`,
        "·",
        fraction(root(number(correction2)), number(correction1)),
        "=",
        number(rate, 9),
      ],
    ],
    [
      "step",
      [
        sub("Δ", "t"),
        "=",
        fraction([sub("lr", "t"), "·", now("m")], [root(now("v")), "+ ε"]),
        "=",
        fraction([number(rate), "·", signed(m)], [root(number(v)), "+", number(epsilon, 1)]),
        "=",
        number(step, 9),
      ],
    ],
    ["w", [now("w"), "=", then("w"), "−", sub("Δ", "t"), "=", number(before.w, 9), "−", signed(step, 9)]],
    ["w =", ["=", number(w, 9)]],
  ];
}
