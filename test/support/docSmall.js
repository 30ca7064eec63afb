/** cbapd with small data and short training: what documentation's blocks import when they are tested. */
import * as cbapd from "cbapd";

export * from "cbapd";

const shapes = ({ train = 64, test = 32, ...others } = {}) =>
  cbapd.datasets.shapes({ ...others, train: Math.min(train, 100), test: Math.min(test, 100) });
const small = async () => shapes();
export const datasets = { ...cbapd.datasets, cifar10: small, mnist: small, shapes };

const { fit } = cbapd.Model.prototype;
cbapd.Model.prototype.fit = function (data, options = {}) {
  return fit.call(this, data, { ...options, epochs: Math.min(options.epochs ?? 1, 2) });
};
