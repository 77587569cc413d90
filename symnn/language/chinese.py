"""The words of the notes in Chinese: the keys and the placeholders of ``phrases.ENGLISH``.

Chinese stands off from a formula by a space, but not where punctuation of full width does.
"""

from __future__ import annotations

CHINESE: dict[str, str] = {
    # the language itself
    "tag": "zh-CN",
    "tex_program": "xelatex",
    "page_fonts": "PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif",
    "join_sentences": "",
    "join_reasons": "；",
    "join_items": "，",
    # the titles and descriptions of the shipped examples
    "example_deep": "十层网络",
    "example_deep_says": "形式相同的各层合为一步，反复使用。",
    "example_digits": "手写数字",
    "example_digits_says": "用含 64 个单元的隐藏层识别手写数字。",
    "example_logistic_regression": "逻辑回归",
    "example_logistic_regression_says": "一个 sigmoid 单元把两团点分开。",
    "example_norm_loss": "范数之和",
    "example_norm_loss_says": "损失是残差的长度，因此它的梯度是单位向量。",
    "example_regression": "花瓣宽度",
    "example_regression_says": "用含八个单元的隐藏层预测花瓣的宽度。",
    "example_xor": "异或",
    "example_xor_says": "含四个单元的隐藏层学会异或运算。",
    # sections
    "network": "网络",
    "loss": "损失函数",
    "gradients": "用链式法则求梯度：反向传播",
    "gradients_differential": "用微分求梯度：反向传播",
    "differentials": "这里 $\\langle u, v \\rangle$ 表示对应元素乘积之和；"
    "$\\mathrm{{d}} {L} = \\langle g, \\mathrm{{d}} v \\rangle$ 的意思是，$g$ 就是对 $v$ 的梯度。",
    "result": "损失函数的梯度",
    "samples": "从一个样本到 ${N}$ 个样本",
    "update": "梯度下降",
    "update_states": "参数的更新",
    "stable": "浮点计算",
    # 用户自己写的方程
    "lines": "方程",
    "lines_says": "每个方程对左边指标的所有取值成立，指标从 $0$ 开始。",
    "lines_predicted": "预测时，以下方程代替上面的相应方程：",
    "lines_outside": "{names} 的指标超出范围时，元素取 $0$。",
    "lines_outside_maximum": "最大值只取 {names} 范围之内的元素：超出范围的指标不参与。",
    "lines_sweep": "${of}$ 对一个量的导数，是对所有用到它的方程求和：对方程所算之量的导数，"
    "乘以右边的导数。因此从最后一个方程往回推。",
    "lines_result": "汇总起来，所求的导数为：",
    "lines_whole": "小于 ${count}$ 的非负整数",
    "lines_input": "输入",
    "lines_target": "目标值",
    "lines_sample_weight": "样本的权重",
    "lines_weights": "参数",
    "lines_bias": "偏置",
    "lines_gain": "增益",
    "lines_table": "查找表",
    "lines_state": "状态，在各步之间保留",
    "lines_mask": "掩码",
    "lines_noise": "标准正态随机数",
    "lines_hyperparameter": "数",
    "blocks": "以下方程对 ${count}$ 个相同的块中的每一个成立，依次取 ${k}$：",
    "blocks_over": "然后，在这些块之外：",
    "scan": "依次对 ${t}$ 计算：",
    "scan_over": "然后，对所有指标同时计算：",
    "selected": "选出的公式",
    "code": "公式与代码",
    # the tutorial
    "tut_layer": "网络中的一层",
    "tut_layer_says": "一层就是矩阵乘以向量，再加上一个向量。矩阵 ${A}$ 由权重组成，"
    "向量 ${b}$ 是偏置；二者正是网络要学习的。",
    "tut_layer_entry": "按分量来看，每个单元对输入作各自的加权和，再加上各自的偏置：",
    "tut_layer_whole": "对 {inputs} 个输入和 {units} 个单元，全部写出即为",
    "tut_activation": "激活函数，以及作为一个函数的网络",
    "tut_activation_says": "仅仅把层叠起来，得到的不过还是一层：矩阵的乘积仍是矩阵。"
    "因此在层与层之间，对每个分量分别作用一个非线性函数：",
    "tut_activation_is": "这里取逻辑斯谛函数（S 形函数），它把每个数变为 $0$ 与 $1$ 之间的数。"
    "它的导数只用它自身的值就能表示：",
    "tut_nested": "网络就是这样的层，一层套一层。两层时为",
    "tut_smallest": "最小的网络：逻辑回归",
    "tut_smallest_says": "一个输入，一个单元，所有的量都是数：这就是逻辑回归。"
    "它的输出 ${a}$ 是 ${y}$ 等于 $1$ 的概率；如果这个概率在 ${y} = 1$ 时大，"
    "在 ${y} = 0$ 时小，损失就小。",
    "tut_smallest_back": "损失怎样随权重和偏置变化？从损失函数往回逐个求导，"
    "每个导数都由前一个得到。",
    "tut_error": "这里 ${delta}$ 代表 ${slope}$，称为误差项。",
    "tut_smallest_end": "误差项是输出与目标值之差；权重的梯度是它与输入的乘积。"
    "后面的一切都是同样的计算，只是把数换成矩阵。",
    "tut_loss": "损失函数",
    "tut_loss_says": "样本是给定的，不会改变。可以选择的只有参数；选得好不好，用一个数来衡量。",
    "tut_step": "为什么沿梯度的反方向走",
    "tut_step_says": "把全部参数合记为 $\\theta$，损失在该处的梯度记为 $g$。在 $\\theta$ 附近，"
    "损失近似为线性函数：",
    "tut_step_taken": "走一步 $h = -{eta} g$，则为",
    "tut_step_end": "只要 ${eta}$ 足够小，损失就会下降；在长度相同的各种走法中，"
    "沿梯度的反方向下降最多。因此，需要求出的只是 $g$。",
    "first_order": "精确到 $h$ 的一阶",
    "since_square": "因为 $g^{{{top}}} g = \\lVert g \\rVert^{{2}}$",
    "tut_chain": "链式法则",
    "tut_chain_says": "一个数通过由它算出的其他数影响损失。每条这样的路径贡献沿途各导数的乘积，"
    "各条路径的贡献相加。在上面的网络中，每个 ${z}$ 都用到 ${a}$：",
    "tut_chain_paths": "链式法则，对所有路径求和",
    "tut_chain_slope": "因为 ${slope}$",
    "tut_chain_end": "从损失函数往回使用这条法则，就能逐层求出损失对网络算出的每个量的导数。",
    "tut_network_says": "现在逐行写出网络本身。途中算出的量都要保留，因为求导时会用到。",
    "tut_loss_here": "这个网络的损失",
    # the network
    "nested": "网络是列向量 ${x}$ 的函数，其中激活函数逐元素作用：",
    "nested_softmax": "网络是列向量 ${x}$ 的函数，其中除 softmax 外，激活函数都逐元素作用：",
    "by_lines": "逐行写出，网络为",
    "unfolds": "逐层写出，就是前向传播：",
    "batch": "${N}$ 个样本是 ${X}$ 的各{ways}；下文中除权重外，每个大写字母都为每个样本留有"
    "一{way}，$\\mathbf{{1}}$ 是元素全为 $1$ 的列向量。",
    "columns": "列",
    "column": "列",
    "rows": "行",
    "row": "行",
    "alike": "${layer} = {first}, \\ldots, {last}$ 的各层形式相同：",
    "sizes": "各层的维数为 {sizes}。",
    "activations": "激活函数及其导数：",
    "symbol": "符号",
    "shape": "形状",
    "meaning": "含义",
    "meaning_x": "输入",
    "meaning_y": "目标值",
    "meaning_A": "第 ${k}$ 层的权重",
    "meaning_b": "第 ${k}$ 层的偏置",
    "meaning_z": "第 ${k}$ 层的预激活",
    "meaning_a": "第 ${k}$ 层的激活值",
    "meaning_mask": "随机失活（dropout）的掩码，元素为 $0$ 或 $1/(1-\\mathrm{{rate}})$",
    "meaning_delta": "第 ${k}$ 层的误差项，即 ${of}$ 对 ${z}$ 的导数",
    "signs": "下文中，{signs}。",
    "sign_product": "${odot}$ 表示逐元素积",
    "sign_quotient": "$\\oslash$ 表示逐元素商",
    "sign_square": "$v^{{{odot} 2}}$ 表示逐元素平方",
    "sign_bracket": "$[\\,\\cdot\\,]$ 在条件成立时为 $1$，否则为 $0$",
    "sign_number": "数与向量相加，就是把这个数加到每个分量上",
    # the loss
    "loss_is": "损失仅是参数的函数：",
    "loss_is_masked": "随机失活的掩码取定之后，损失仅是参数的函数：",
    "loss_of_samples": "对 ${N}$ 个样本，损失为",
    "one_sample": "对单个样本，用上面的各个量来表示，损失为",
    "loss_lines": "用上面的各个量来表示，损失为",
    "facts": "这里假定 ${facts}$。",
    # the gradients
    "errors": "记 ${delta} = {slope}$，称为第 ${k}$ 层的误差项。",
    "short_d": "把对 ${z}$ 的导数简记为 ${short} = {slope}$，其他字母仿此。",
    "short_nabla": "$\\nabla_{{v}} {L}$ 由 ${L}$ 对 $v$ 的各分量的导数组成。",
    "scaled": "对属于各样本的量，所求的是 ${N} {L}$ 的导数，不含取平均的因子 $1/{N}$；"
    "这个因子出现在参数的梯度中。",
    "sweep": "从损失函数出发，反向传播到第一层，每次求出链式法则中的一个因子。",
    "layer_loss": "损失函数",
    "layer_last": "输出层，${layer} = {k}$",
    "layer": "隐藏层，${layer} = {k}$",
    "layers": "隐藏层，${layer} = {first}, \\ldots, {last}$",
    "kinks": "在导数不存在处，取 ${kinks}$。",
    "spoken_last": "换句话说，${delta}$ 表示 ${loss}$ 随 ${z}$ 增大的快慢。"
    "若 ${entry}$ 增大一个很小的 $\\varepsilon$，则 ${loss}$ 约增大 $\\varepsilon \\, {rise}$。",
    "spoken": "换句话说，${delta}$ 表示 ${loss}$ 随 ${z}$ 增大的快慢，"
    "它是把后一层的误差项沿权重传回{masked}，再乘以激活函数的斜率。",
    "spoken_softmax": "换句话说，${delta}$ 表示 ${loss}$ 随 ${z}$ 增大的快慢，"
    "它是把后一层的误差项沿权重传回{masked}，再经过 softmax 传回。",
    "spoken_linear": "换句话说，${delta}$ 表示 ${loss}$ 随 ${z}$ 增大的快慢，"
    "它是把后一层的误差项沿权重传回{masked}。",
    "masked": "、经过随机失活的掩码",
    "masked_last": "、经过随机失活的掩码",
    "cost": "为什么要反向？{products}反向传播一次得到{all}导数，因为 ${L}$ 只是一个数。"
    "若沿前向使用链式法则，则要为每个参数各做一遍。",
    "cost_all": "全部",
    "cost_count": "全部 ${count}$ 个",
    "cost_layers": "对前向传播中权重与激活值的每次乘积，反向传播要做两次：一次求误差项，"
    "一次求权重的梯度；第一层的输入没有误差项，只做后一次。因此它的代价至多约为两次前向传播。",
    "cost_layer": "对前向传播中权重与输入的乘积，反向传播再做一次，求权重的梯度。"
    "因此它的代价约为一次前向传播。",
    "general_title": "任意层数的网络",
    "general": "层数 ${n}$ 不予指定：下文对每个 ${n} \\ge 2$ 都成立。",
    # why a transpose
    "why_error": "${product}$ 中为什么有转置？",
    "why_weights": "${product}$ 中为什么有转置？",
    "why_error_entry": "看元素：${a}$ 乘以因子 ${A}$ 进入 ${z}$，"
    "所以误差项 ${d}$ 也经由同一个 ${A}$ 回到 ${a}$，于是 ${left} = {right}$。"
    "前向时对权重的一个下标求和，反向时对另一个下标求和："
    "这就是转置的含义。",
    "why_weights_entry_penalty": "看元素：${A}$ 出现在 ${z}$ 中，因子为 ${a}$，"
    "也出现在惩罚项中，所以 ${left} = {right} + {rest}$。"
    "误差项的每个元素与输入的每个元素相乘：一个写成列，另一个经过转置写成行。",
    "why_weights_entry": "看元素：${A}$ 只出现在 ${z}$ 中，因子为 ${a}$，所以 ${left} = {right}$。"
    "误差项的每个元素与输入的每个元素相乘：一个写成列，另一个经过转置写成行。",
    "why_differential": "看微分：若只有 ${own}$ 变化，则 $\\mathrm{{d}} {loss} = {pairings}$，"
    "其中 $\\langle u, v \\rangle$ 表示对应元素乘积之和。与 ${own}$ 的变化配对的，就是它的梯度。",
    "why_differential_penalty": "看微分：若只有 ${own}$ 变化，不计惩罚项，则 "
    "$\\mathrm{{d}} {loss} = {pairings}$，其中 $\\langle u, v \\rangle$ 表示对应元素乘积之和。"
    "与 ${own}$ 的变化配对的，就是它的梯度（惩罚项的除外）。",
    "why_shape": "看形状：梯度与它所属的量形状相同，这里是 {own}。由 {d}与 {other}组成的乘积中，"
    "只有 ${product}$ 具有这个形状。",
    "shaped": "${letter}$（${shape}$）",
    # reasons
    "affine map": "仿射映射",
    "component": "逐元素",
    "derivative of the loss": "损失函数的导数",
    "chain rule": "链式法则，经由 ${through}$",
    "directly": "{chain}，外加直接依赖的一项",
    "substitute": "代入 ${inserted}$",
    "derivative of the activation": "${prime} = {value}$",
    "with": "${prime} = {value}$，其中 ${a} = {function}$",
    "use the forward value": "用前向传播的值 ${value}$",
    "use the fact": "因为 ${fact}$",
    "cancel and collect": "约分并合并同类项",
    "name the sum": "将此和记为一个量",
    "take the common factor out": "提取公因子",
    "mean over the samples": "对 ${N}$ 个样本取平均",
    "matrix": "写成矩阵形式",
    "paired": "与 $\\mathrm{{d}} {own}$ 配对的量",
    "loss_differential": "损失函数的微分",
    "through_differential": "${L}$ 经由 ${through}$ 而变化",
    "insert_differential": "对算出它的式子求微分",
    "moved": "把因子移到另一侧",
    "adjoint": "把因子移到另一侧，矩阵取转置",
    "definition": "定义",
    "use the value of the function": "用函数自身的值 ${a}$ 表示",
    "solve a = h(x) for x": "由 ${a} = {h}({x})$ 解出 ${x}$",
    "differentiate the definition": "求导",
    "differentiate once more": "再求一次导",
    # the result
    "tick": "$\\checkmark$ 表示这一行在 ${points}$ 个随机点处求过值，"
    "并且与用复步长法求出的 ${L}$ 的导数 $\\mathrm{{Im}}\\, {L}(t + \\mathrm{{i}} h)/h$ 一致，"
    "其中 $h = {h}$；最大的误差小于最大元素的 ${bound}$ 倍{narrow}。",
    "tick_narrow": "（求值时输入和每个隐藏层的单元至多取 ${width}$ 个）",
    "result_says": "汇总起来，各误差项和各参数的梯度为：",
    "vector": "全部参数合在一起，梯度为",
    "derived_in": "推导见 {places}。",
    # the samples
    "sum_of_samples": "对 ${N}$ 个样本，让每个样本占一列，如 {stacked}。"
    "损失函数的梯度是各样本梯度的{mean}{once}，可以写成矩阵乘积：",
    "mean": "平均值",
    "sum": "和",
    "penalty_once": "（上面每个样本的损失中都有权重的惩罚项，这里只计一次，而不是 ${N}$ 次）",
    "layers_all": "对每一层 ${layer}$，其中 ${first} = {x}$",
    # the update
    "step": "以学习率 ${eta}$ 沿梯度的反方向走一步：",
    "step_states": "用{method}走一步，学习率为 ${eta}$；前进的方向由这一步和以前各步的梯度组成：",
    "gradient descent with momentum": "带动量的梯度下降",
    "adam": " Adam ",
    "rmsprop": " RMSProp ",
    "every": "对 ${names}$ 中的每个参数 $\\theta$，都这样逐元素地更新。",
    "stable_says": "纸面上正确的公式，计算时可能因舍入和溢出而失效。"
    "以下形式的值相同，并且可以放心计算：",
    "stable_rescaled": "纸面上正确的公式，计算时可能因舍入和溢出而失效。"
    "以下形式可以放心计算。{scaled}其余的值都相同：",
    "stable: shift by the maximum": "${names}$ 都除以其中最大的指数函数值，它们的商不变。",
    "stable: scale by the largest component": "范数的平方 ${names}$ 除以最大分量的平方，"
    "范数再乘以该分量。",
    "shift by the maximum": "$e_{{i}}$ 与 $s$ 同乘一数，$e_{{i}}/s$ 不变",
    "logarithm of a quotient": "$\\log(e/s) = \\log e - \\log s$",
    "logarithm of the sigmoid": "$\\log \\sigma(z) = -\\mathrm{{softplus}}(-z)$",
    "complement of the sigmoid": "$1 - \\sigma(z) = \\sigma(-z)$",
    "scale by the largest component": "按最大分量缩放",
    "otherwise": "否则",
    "if": "若\\,",
    "numbers": "代入数字的演算",
    "numbers_large": "网络太大，无法写出全部数字；"
    "至多 {layers} 层、每层至多 {units} 个单元的网络才写出。",
    "numbers_wild": "例子中的数字超出了可以写出的范围。",
    "numbers_far": "这一步太长：新的损失超出了可以写出的范围。",
    "numbers_given": "数字是给定的。",
    "numbers_drawn": "${names}$ 的数字是随机抽取的，种子为 ${seed}$。",
    "numbers_one": "以下全部针对一个样本，即列向量 ${x}$。",
    "numbers_mask": "不丢弃任何单元。",
    "numbers_rounded": "每一行都用前面各行的全部数位计算。$=$ 之后的数是精确的；$\\approx$ "
    "之后的数经过舍入，其中最大的元素保留 ${digits}$ 位有效数字。",
    "numbers_forward": "前向传播",
    "numbers_backward": "反向传播",
    "numbers_update": "更新一步",
    "by_sympy": "只用 SymPy",
    "by_sympy_says": "按元素全部展开，一个样本的损失是一个约有 ${count}$ "
    "次运算的表达式。SymPy 对 ${entry}$ 求导，并不知道有哪些层。"
    "重复出现的和较长的部分各用一个字母表示。",
    "by_sympy_large": "该网络的损失按元素展开后太长，无法印在一页上；"
    "至多 {layers} 层、每层至多 {units} 个单元的网络才有这一节。",
    "by_sympy_chain": "链式法则用两遍计算已求出的数得到同一元素：",
    "by_sympy_chain_reason": "链式法则",
    "by_sympy_numbers": "二者都代入例子中的数字求值。",
    "perturbed_rises": "把 ${z}$ 增大 ${by}$，则 ${L}$ "
    "增大{about} ${change} \\approx {by} \\, {delta}$。",
    "perturbed_falls": "把 ${z}$ 增大 ${by}$，则 ${L}$ "
    "减小{about} ${change} \\approx -{by} \\, {delta}$。",
    "about": "约",
    "exactly": "恰好",
    "numbers_after": "在新的参数处，这个样本的损失{about}为 ${after}$。",
    "lines_large": "数字太多，无法逐一算出：各行共有 {count} 个求和项，例子至多写出 {most} 个。",
    "lines_one": "只有一个样本，其下标 ${n}$ 略去不写。",
    "lines_sizes": "这里 ${sizes}$。",
    "lines_no_noise": "噪声取 0。",
    "lines_laid_out": "一个下标的量写成一行；两个下标的量写成矩阵，第一个下标为行。",
    "lines_matrices": "下标更多的量，最后两个之前的下标每取一组值，就写一个矩阵。",
    "lines_left_out": "以下各量多于 {rows} 行或 {matrices} 个矩阵，或宽于页面，故略去：${names}$。",
    "lines_step": "更新一步之后（${eta} = {rate}$）：",
    "lines_after": "此时损失{about}为 ${after}$。",
    # the code
    "code_sample": "代码中的语句就是所生成模块中的语句。推导针对一个样本，即一个列向量；"
    "代码同时计算全部 ${N}$ 个样本，每个样本占一行，"
    "因此矩阵乘积在代码中次序相反并取转置，参数的梯度则对全部样本求出。",
    "code_columns": "代码中的语句就是所生成模块中的语句。推导中一个样本占一列，代码中占一行，"
    "因此矩阵乘积在代码中次序相反并取转置。",
    "code_rows": "代码中的语句就是所生成模块中的语句；代码中同样是一个样本占一行。",
    "code_names": "以 d 开头的名称表示 ${L}$ 对其后那个量的导数。",
    "code_mean": "代码中的 ${L}$ 是对样本的平均值，其导数含有因子 $1/{N}$。",
    "code_turned": "代码中存放的是 ${A}$ 的转置，每个单元占一行。",
    "code_stable": "在数值可能溢出的地方，代码按稳定的形式计算。",
    # the figures
    "figure": "图",
    "figure_number": "图 {number}",
    "figure_network": "网络结构。每条边是旁边矩阵的一个元素；每个单元再加上偏置中属于它的元素。",
    "figure_network_edges": "网络结构。每条边是旁边矩阵的一个元素。",
    "figure_network_biases": "网络结构。每条边是旁边矩阵的一个元素；"
    "在有偏置的层中，每个单元再加上偏置中属于它的元素。",
    "figure_units": "省略号处的单元没有画出。",
    "figure_layers": "省略号处的层没有画出。",
    "figure_graph": "计算图：各个量由哪些量算出。实线箭头是前向传播，从输入到损失；"
    "虚线箭头是反向传播，把梯度传回，直到每一个参数：这正是反向传播的目的。",
    "figure_reads": "计算图：箭头从被用到的量指向由它算出的量，名称旁是其形状。",
    "figure_reads_loops": "方框是一个循环，虚线箭头来自循环的另一步。",
    "figure_reads_blocks": "方框是一个块，按所标次数依次重复。",
    "figure_activation": "激活函数（实线）及其导数（虚线）。在函数平坦的地方，误差几乎传不过去。",
    "figure_vanish": "由于 ${prime} \\le {value}$，不计权重，每个这样的层至多把误差乘以 "
    "${value}$：这是深层网络中梯度消失的原因之一。",
    "figure_descent": "在取定的一组数值下，损失沿 $-g$ 方向的变化，其中 $g = \\nabla {loss}$。"
    "步长小时，损失贴着切线 ${loss} - {eta} \\lVert g \\rVert^{{2}}$ 下降；步长合适时，"
    "到达最低点附近；步长过大时，反而高于起点。",
    "figure_input": "输入 {x}",
    "figure_small": "{eta} 较小",
    "figure_good": "{eta} 合适",
    "figure_large": "{eta} 过大",
    "figure_network_title": "网络 {name}",
    "figure_activation_title": "{name} 的激活函数及其导数",
    "figure_descent_title": "{name} 的损失沿负梯度方向的变化",
    "figure_graph_title": "{name} 的计算图",
    # the interactive page
    "page_detail": "详略",
    "page_answer": "结论",
    "page_textbook": "教科书",
    "page_full": "每一步",
    "page_shown": "显示",
    "page_symbols": "符号",
    "page_numbers": "数字",
    "page_code": "代码",
    "page_view": "视图",
    "page_notes": "讲义",
    "page_worksheet": "练习",
    "page_reveal": "显示这一步",
    "page_reveal_all": "全部显示",
    "page_reset": "重新开始",
    "page_hint": "提示",
    "page_print_blank": "打印空白卷",
    "page_print_key": "打印答案",
    "hint_shape": "形状：${shape}$。",
    "hint_symbols": "由 {symbols} 组成。",
    "page_checked": "已求值，成立",
    "page_noscript": "下面的公式是 TeX 源码：排版需要 JavaScript。",
}
