/** cbapd with small data and short training: what documentation's blocks import when they are tested. */
import * as cbapd from "cbapd";

export * from "cbapd";

const small = async () => {
  const { train, test } = await cbapd.datasets.shapes({ train: 64, test: 32 });
  return { train, test };
};
export const datasets = { ...cbapd.datasets, cifar10: small, mnist: small, shapes: small };

const { fit } = cbapd.Model.prototype;
cbapd.Model.prototype.fit = function (data, options = {}) {
  return fit.call(this, data, { ...options, epochs: Math.min(options.epochs ?? 1, 2) });
};
