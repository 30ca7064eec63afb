import { dictionary } from "../../i18n/index.js";

export const t = dictionary(
  {
    title: "Exercises",
    about: "For paper: another seed, another sheet. The answers are the library's.",
    seed: "Seed",
    seedRule: "A whole number from 0 to 4294967295.",
    next: "Next sheet",
    print: "Print",
    show: "Show answers",
    hide: "Hide answers",
    answers: "Answers",
    sheet: "Sheet {seed}",
    exercise: "{n}. {title}",
    name: "Name:",
    outputSize: "Output size, parameters, multiply-adds",
    outputSizeTask:
      "A conv2d layer with {filters} filters of {kernel}×{kernel}, strides {strides}, padding “{padding}”, with bias, reads {size}×{size}×{channels}. What is its output’s shape, how many parameters has it, and how many multiply-adds does it take for one image?",
    convolution: "Convolution forward",
    convolutionTask:
      "Padding “valid”, strides 1, bias {bias}. Compute y. (The kernel is not flipped: y[i, j] = b + Σ x[i+a, j+c]·k[a, c].)",
    convolutionGradients: "Convolution backward",
    convolutionGradientsTask:
      "Padding “valid”, strides 1. dY is the gradient of the loss for y. Compute dk, dX and db.",
    maxPooling: "Max pooling, there and back",
    maxPoolingTask:
      "Windows of 2×2, strides 2. Compute y; then send dY back to where each maximum came from: dX. A tie goes to the first one in reading order.",
    softmax: "Softmax and cross-entropy",
    softmaxTask:
      "Logits z; the right class is number {label}, counted from 0. Compute p = softmax(z), the loss L = −log p[{label}], and dz = p − y.",
    adam: "One step of Adam",
    adamTask:
      "w = {w}, m = {m}, v = {v}; the gradient is g = {g}, the step t = {step}, the learning rate {learningRate}, β₁ = {beta1}, β₂ = {beta2}, ε = {epsilon}. Compute the new m′ = m + (g − m)(1 − β₁), v′ = v + (g² − v)(1 − β₂), lr_t = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ) and w′ = w − lr_t·m′/(√v′ + ε).",
    receptiveField: "Receptive field",
    receptiveFieldTask:
      "A {first}×{first} convolution, {pool}×{pool} max pooling with strides {pool}, a {second}×{second} convolution; all other strides are 1. How wide is a unit’s receptive field after each of the three?",
  },
  {
    title: "练习",
    about: "纸上练习：换一个种子就是一张新卷。答案由程序库算出。",
    seed: "随机种子",
    seedRule: "0 到 4294967295 之间的整数。",
    next: "下一张",
    print: "打印",
    show: "显示答案",
    hide: "隐藏答案",
    answers: "答案",
    sheet: "第 {seed} 张",
    exercise: "{n}. {title}",
    name: "姓名：",
    outputSize: "输出尺寸、参数、乘加次数",
    outputSizeTask:
      "一个 conv2d 层有 {filters} 个 {kernel}×{kernel} 的卷积核，步幅 {strides}，填充 “{padding}”，带偏置，输入为 {size}×{size}×{channels}。输出的形状是什么？有多少参数？一张图像需要多少次乘加？",
    convolution: "卷积的前向计算",
    convolutionTask:
      "填充 “valid”，步幅 1，偏置 {bias}。求 y。（卷积核不翻转：y[i, j] = b + Σ x[i+a, j+c]·k[a, c]。）",
    convolutionGradients: "卷积的反向计算",
    convolutionGradientsTask: "填充 “valid”，步幅 1。dY 是损失对 y 的梯度。求 dk、dX 和 db。",
    maxPooling: "最大池化：前向与反向",
    maxPoolingTask:
      "窗口 2×2，步幅 2。求 y；再把 dY 送回每个最大值的来处，得到 dX。相等时取阅读顺序中的第一个。",
    softmax: "Softmax 与交叉熵",
    softmaxTask:
      "logits 为 z；正确类别是第 {label} 类（从 0 数起）。求 p = softmax(z)、损失 L = −log p[{label}] 以及 dz = p − y。",
    adam: "Adam 的一步",
    adamTask:
      "w = {w}，m = {m}，v = {v}；梯度 g = {g}，步数 t = {step}，学习率 {learningRate}，β₁ = {beta1}，β₂ = {beta2}，ε = {epsilon}。求新的 m′ = m + (g − m)(1 − β₁)、v′ = v + (g² − v)(1 − β₂)、lr_t = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ) 和 w′ = w − lr_t·m′/(√v′ + ε)。",
    receptiveField: "感受野",
    receptiveFieldTask:
      "先是 {first}×{first} 卷积，再是 {pool}×{pool}、步幅 {pool} 的最大池化，最后是 {second}×{second} 卷积；其余步幅为 1。三层之后，一个单元的感受野各有多宽？",
  },
);
