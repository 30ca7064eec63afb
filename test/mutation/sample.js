/** Which mutants to try: seeded, each file in turn, and within a file the operator that was tried least. */

/** Uniform in [0, 1): mulberry32, enough for a sample. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(list, next) {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

export function sample(mutants, count, seed) {
  const next = generator(seed);
  const byFile = new Map();
  for (const mutant of shuffled(mutants, next)) {
    const list = byFile.get(mutant.file) ?? [];
    byFile.set(mutant.file, list);
    list.push(mutant);
  }
  const files = shuffled([...byFile.keys()], next);
  const tried = new Map();
  const chosen = [];
  while (chosen.length < count && byFile.size > 0) {
    for (const file of files) {
      const list = byFile.get(file);
      if (!list || chosen.length >= count) continue;
      const uses = ({ operator }) => tried.get(operator) ?? 0;
      const least = Math.min(...list.map(uses));
      const [mutant] = list.splice(
        list.findIndex((candidate) => uses(candidate) === least),
        1,
      );
      tried.set(mutant.operator, uses(mutant) + 1);
      chosen.push(mutant);
      if (list.length === 0) byFile.delete(file);
    }
  }
  return chosen;
}
