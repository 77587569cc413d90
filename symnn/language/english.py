"""The notes in English."""

from __future__ import annotations

ENGLISH: dict[str, str] = {
    # the language itself: its tag in HTML, the program that sets it, its fonts, what joins words
    "tag": "en",
    "tex_program": "pdflatex",
    "page_fonts": "KaTeX_Main, Latin Modern Roman, Georgia, Noto Serif CJK SC, serif",
    "join_sentences": " ",
    "join_reasons": "; ",
    "join_items": ", ",
    # the titles and descriptions of the shipped examples; general_title is that of n layers
    "example_deep": "Ten layers",
    "example_deep_says": "Equal layers fold into one step that repeats.",
    "example_digits": "Digits",
    "example_digits_says": "A hidden layer of 64 units reads handwritten digits.",
    "example_logistic_regression": "Logistic regression",
    "example_logistic_regression_says": "One sigmoid unit tells two clouds of points apart.",
    "example_norm_loss": "Sum of norms",
    "example_norm_loss_says": "The loss is the length of the residual, so its gradient is a unit "
    "vector.",
    "example_regression": "Petal width",
    "example_regression_says": "A hidden layer of eight units predicts the width of a petal.",
    "example_xor": "XOR",
    "example_xor_says": "A hidden layer of four units learns the exclusive or.",
    # sections
    "network": "The network",
    "loss": "The loss",
    "gradients": "The gradients, by the chain rule",
    "gradients_differential": "The gradients, by differentials",
    "differentials": "Here $\\langle u, v \\rangle$ is the sum of the products of entries, and "
    "$\\mathrm{{d}} {L} = \\langle g, \\mathrm{{d}} v \\rangle$ says that $g$ is the gradient by "
    "$v$.",
    "result": "The gradient of the loss",
    "samples": "From one sample to ${N}$",
    "update": "Gradient descent",
    "update_states": "The update",
    "stable": "In floating point",
    # lines of the user's own
    "lines": "The equations",
    "lines_says": "Each equation holds for all values of the indices on its left side, which count "
    "from $0$.",
    "lines_predicted": "In prediction these stand in place of the equations above:",
    "lines_outside": "Where {names} is read outside its range, the entry is $0$.",
    "lines_outside_maximum": (
        "A maximum is that of the entries of {names} which are there: it leaves out an index that "
        "runs outside its range."
    ),
    "lines_sweep": "The derivative of ${of}$ by a value is a sum over the equations that read it: "
    "the derivative by what they compute, times that of their right side. So the sweep runs from "
    "the last equation back.",
    "lines_result": "Collected, these are the derivatives that were asked for:",
    "lines_whole": "whole numbers below ${count}$",
    "lines_input": "input",
    "lines_target": "target",
    "lines_sample_weight": "weights of the samples",
    "lines_weights": "parameter",
    "lines_bias": "bias",
    "lines_gain": "gain",
    "lines_table": "table",
    "lines_state": "state, kept between steps",
    "lines_mask": "mask",
    "lines_noise": "standard normal numbers",
    "lines_hyperparameter": "number",
    "blocks": "The following holds for each of the ${count}$ equal blocks, ${k}$ in turn:",
    "blocks_over": "Then, outside of the blocks:",
    "scan": "For ${t}$ in turn:",
    "scan_over": "Then, for all indices at once:",
    "selected": "Selected equations",
    "code": "Equation and code",
    # the tutorial
    "tut_layer": "A layer",
    "tut_layer_says": "A layer is a matrix times a vector, plus a vector. The matrix ${A}$ holds "
    "the weights, the vector ${b}$ the bias; both are what the network learns.",
    "tut_layer_entry": "Component by component, every unit takes its own weighted sum of the "
    "inputs and adds its own bias:",
    "tut_layer_whole": "Written out, for {inputs} inputs and {units} units, this is",
    "tut_activation": "The activation, and the network as one function",
    "tut_activation_says": "Layers alone would only make one more layer: a product of matrices "
    "is a matrix. So a function that is not linear is applied between them, to each component by "
    "itself:",
    "tut_activation_is": "Here it is the sigmoid, which leads every number to one between $0$ "
    "and $1$. Its derivative needs nothing but its own value:",
    "tut_nested": "A network is such layers inside each other. With two of them it is",
    "tut_smallest": "The smallest network: logistic regression",
    "tut_smallest_says": "One input, one unit, all numbers: this is logistic regression. Its "
    "output ${a}$ is the probability that ${y}$ is $1$, and its loss is small if that "
    "probability is large where ${y} = 1$ and small where ${y} = 0$.",
    "tut_smallest_back": "How does the loss change with the weight and the bias? The derivatives "
    "are found one after the other, from the loss back, each from the one before.",
    "tut_error": "Here ${delta}$ stands for ${slope}$: it is called the error.",
    "tut_smallest_end": "The error is the difference of output and target, and the weight gets it "
    "times its input. All that follows is this calculation, with matrices in place of numbers.",
    "tut_loss": "The loss",
    "tut_loss_says": "The samples are given and do not change. What is left to choose are the "
    "parameters, and one number says how good a choice is.",
    "tut_step": "Why step against the gradient",
    "tut_step_says": "Write $\\theta$ for all parameters together and $g$ for the gradient of "
    "the loss there. Close to $\\theta$ the loss is almost linear:",
    "tut_step_taken": "With the step $h = -{eta} g$ this is",
    "tut_step_end": "As long as ${eta}$ is small, the loss falls, and of all steps of one length "
    "the one against the gradient lowers it most. So all that is needed is $g$.",
    "first_order": "to first order in $h$",
    "since_square": "since $g^{{{top}}} g = \\lVert g \\rVert^{{2}}$",
    "tut_chain": "The chain rule",
    "tut_chain_says": "The loss depends on a number through others that are computed from it. Each "
    "of these ways contributes the product of the derivatives along it, and the contributions are "
    "added. In the network above, ${a}$ is read by every ${z}$:",
    "tut_chain_paths": "chain rule, over all paths",
    "tut_chain_slope": "since ${slope}$",
    "tut_chain_end": "Read from the loss backward, this rule finds the derivatives by everything "
    "the network computes, one layer after the other.",
    "tut_network_says": "Now the network itself, line by line. What it computes on the way is "
    "kept, because the derivatives will need it.",
    "tut_loss_here": "The loss of this network",
    # the network
    "nested": "As a function of the column vector ${x}$, with each activation applied to every "
    "component, the network is",
    "nested_softmax": "As a function of the column vector ${x}$, with each activation but softmax "
    "applied to every component, the network is",
    "by_lines": "Line by line, the network is",
    "unfolds": "Layer by layer, this means",
    "batch": "The ${N}$ samples are the {ways} of ${X}$; every capital letter below, apart from "
    "the weights, holds one {way} for each sample, and $\\mathbf{{1}}$ is a column of ones.",
    "columns": "columns",
    "column": "column",
    "rows": "rows",
    "row": "row",
    "alike": "The layers ${layer} = {first}, \\ldots, {last}$ are alike:",
    "sizes": "The sizes are {sizes}.",
    "activations": "The activations and their derivatives:",
    "symbol": "symbol",
    "shape": "shape",
    "meaning": "meaning",
    "meaning_x": "input",
    "meaning_y": "target",
    "meaning_A": "weights of layer ${k}$",
    "meaning_b": "bias of layer ${k}$",
    "meaning_z": "pre-activation of layer ${k}$",
    "meaning_a": "activation of layer ${k}$",
    "meaning_mask": "mask of dropout, entries $0$ or $1/(1-\\mathrm{{rate}})$",
    "meaning_delta": "error of layer ${k}$, the derivative of ${of}$ by ${z}$",
    "signs": "In what follows, {signs}.",
    "sign_product": "${odot}$ is the product of components",
    "sign_quotient": "$\\oslash$ is the quotient of components",
    "sign_square": "$v^{{{odot} 2}}$ is the square of each component",
    "sign_bracket": "$[\\,\\cdot\\,]$ is $1$ where the condition holds and $0$ elsewhere",
    "sign_number": "a number added to a vector is added to every component",
    # the loss
    "loss_is": "The loss is a function of the parameters alone:",
    "loss_is_masked": "Once the masks of dropout are drawn, the loss is a function of the "
    "parameters alone:",
    "loss_of_samples": "Over ${N}$ samples the loss is",
    "one_sample": "For a single sample, in terms of the quantities above, it reads",
    "loss_lines": "In terms of the quantities above, it reads",
    "facts": "It is assumed that ${facts}$.",
    # the gradients
    "errors": "Write ${delta} = {slope}$ for the error of layer ${k}$.",
    "short_d": "Write ${short} = {slope}$ for the derivative by ${z}$, and in "
    "the same way for the other letters.",
    "short_nabla": "$\\nabla_{{v}} {L}$ holds the derivatives of ${L}$ by the components of $v$.",
    "scaled": "The derivatives by what belongs to the samples are those of ${N} {L}$, without the "
    "factor $1/{N}$ of the mean; it stands in the gradients of the parameters.",
    "sweep": "We go from the loss back to the first layer, one factor of the chain rule at a time.",
    "layer_loss": "The loss",
    "layer_last": "Output layer, ${layer} = {k}$",
    "layer": "Layer ${layer} = {k}$",
    "layers": "Layers ${layer} = {first}, \\ldots, {last}$",
    "kinks": "Where a derivative does not exist, it is taken as ${kinks}$.",
    "spoken_last": "In words: ${delta}$ says how fast ${loss}$ rises with ${z}$. If ${entry}$ "
    "grows by a small $\\varepsilon$, ${loss}$ grows by about $\\varepsilon \\, {rise}$.",
    "spoken": "In words: ${delta}$, how fast ${loss}$ rises with ${z}$, is the error of the "
    "layer above, led back along the weights{masked} and multiplied by the slope of the "
    "activation.",
    "spoken_softmax": "In words: ${delta}$, how fast ${loss}$ rises with ${z}$, is the error of "
    "the layer above, led back along the weights{masked} and through the softmax.",
    "spoken_linear": "In words: ${delta}$, how fast ${loss}$ rises with ${z}$, is the error of the "
    "layer above, led back along the weights{masked}.",
    "masked": ", through the mask of dropout,",
    "masked_last": " and through the mask of dropout",
    "cost": "Why backward? {products} It yields {all} derivatives at once, because ${L}$ is a "
    "single number. Carried forward, the chain rule would need a pass for each parameter.",
    "cost_all": "all",
    "cost_count": "all ${count}$",
    "cost_layers": "For each product of the forward pass, weights by activations, the sweep takes "
    "two, one for the error and one for the gradient of the weights; in the first layer, whose "
    "input has no error, it takes the latter alone. So it costs about two forward passes at most.",
    "cost_layer": "For the product of the forward pass, weights by input, the sweep takes one "
    "more, for the gradient of the weights. So it costs about one forward pass.",
    "general_title": "A network of any number of layers",
    "general": "The number ${n}$ of layers is left open: what follows holds for every ${n} \\ge "
    "2$.",
    # why a transpose
    "why_error": "Why the transpose in ${product}$?",
    "why_weights": "Why the transpose in ${product}$?",
    "why_error_entry": "By entry: ${a}$ enters ${z}$ with the factor ${A}$, so the error ${d}$ "
    "returns to ${a}$ by the same ${A}$, and ${left} = {right}$. The forward sum runs over one "
    "index of the weights, the backward sum over the other: that is what the transpose says.",
    "why_weights_entry_penalty": "By entry: ${A}$ occurs in ${z}$, with the factor ${a}$, and "
    "in the penalty, so ${left} = {right} + {rest}$. Each entry of the error meets each entry of "
    "the input: the one is written as a column, the other, transposed, as a row.",
    "why_weights_entry": "By entry: ${A}$ occurs in ${z}$ alone, with the factor ${a}$, so "
    "${left} = {right}$. Each entry of the error meets each entry of the input: the one is written "
    "as a column, the other, transposed, as a row.",
    "why_differential": "By differential: if ${own}$ alone changes, then $\\mathrm{{d}} {loss} = "
    "{pairings}$, where $\\langle u, v \\rangle$ is the sum of the products of entries. What is "
    "paired with the change of ${own}$ is its gradient.",
    "why_differential_penalty": "By differential: if ${own}$ alone changes, then, the penalty "
    "apart, $\\mathrm{{d}} {loss} = {pairings}$, where $\\langle u, v \\rangle$ is the sum of "
    "the products of entries. What is paired with the change of ${own}$ is its gradient, the "
    "penalty's apart.",
    "why_shape": "By shape: a gradient has the shape of what it belongs to, here {own}. Of {d} and "
    "{other}, only ${product}$ has it.",
    "shaped": "${letter}$ (${shape}$)",
    # reasons
    "affine map": "affine map",
    "component": "by component",
    "derivative of the loss": "derivative of the loss",
    "chain rule": "chain rule, through ${through}$",
    "directly": "{chain}, and directly",
    "substitute": "insert ${inserted}$",
    "derivative of the activation": "${prime} = {value}$",
    "with": "${prime} = {value}$ with ${a} = {function}$",
    "use the forward value": "forward value ${value}$",
    "use the fact": "since ${fact}$",
    "cancel and collect": "cancel and collect",
    "name the sum": "the sum, as a quantity of its own",
    "take the common factor out": "take the common factor out",
    "mean over the samples": "mean over the ${N}$ samples",
    "matrix": "in matrix form",
    "paired": "what is paired with $\\mathrm{{d}} {own}$",
    "loss_differential": "differential of the loss",
    "through_differential": "${L}$ changes through ${through}$",
    "insert_differential": "differentiate what it is computed by",
    "moved": "move the factors to the other side",
    "adjoint": "move the factors to the other side, matrices transposed",
    "definition": "definition",
    "use the value of the function": "by its own value ${a}$",
    "solve a = h(x) for x": "solve ${a} = {h}({x})$ for ${x}$",
    "differentiate the definition": "differentiate",
    "differentiate once more": "differentiate once more",
    # the result
    "tick": "$\\checkmark$ marks a line that was evaluated at ${points}$ random points and agrees "
    "with the derivative of ${L}$ by complex step, $\\mathrm{{Im}}\\, {L}(t + \\mathrm{{i}} h)/h$ "
    "with $h = {h}$; the largest error is below ${bound}$ of the largest entry{narrow}.",
    "tick_narrow": " (evaluated with at most ${width}$ inputs and hidden units)",
    "result_says": "Collected, these are the errors and the gradients of the parameters:",
    "vector": "All parameters together have the gradient",
    "derived_in": "Derived in {places}.",
    # the samples
    "sum_of_samples": "Over ${N}$ samples the gradient of the loss is the {mean} of the one-sample "
    "gradients{once}. With one column for each sample, as in {stacked}, the sum is a matrix "
    "product:",
    "mean": "mean",
    "sum": "sum",
    "penalty_once": "; but the penalty of the weights, which the loss of each sample holds above, "
    "counts once and not ${N}$ times",
    "layers_all": "for every layer ${layer}$, with ${first} = {x}$",
    # the update
    "step": "A step against the gradient, with the learning rate ${eta}$:",
    "step_states": "A step of {method}, with the learning rate ${eta}$; its direction is made of "
    "the gradient and of those of the steps before:",
    "gradient descent with momentum": "gradient descent with momentum",
    "adam": "Adam",
    "rmsprop": "RMSProp",
    "every": "This is done for every parameter $\\theta$ of ${names}$, component by component.",
    "stable_says": "Rounding and overflow can spoil formulas that are right on paper. The "
    "following forms have the same values and are safe to compute:",
    "stable_rescaled": "Rounding and overflow can spoil formulas that are right on paper. The "
    "following forms are safe to compute. {scaled} All other values are the same:",
    "stable: shift by the maximum": "The values ${names}$ are divided by the largest exponential, "
    "which leaves their quotients as they are.",
    "stable: scale by the largest component": "The squared norm ${names}$ is divided by the "
    "square of the largest component, and the norm is multiplied by that component again.",
    "shift by the maximum": "$e_{{i}}/s$ stays the same if both are scaled",
    "logarithm of a quotient": "$\\log(e/s) = \\log e - \\log s$",
    "logarithm of the sigmoid": "$\\log \\sigma(z) = -\\mathrm{{softplus}}(-z)$",
    "complement of the sigmoid": "$1 - \\sigma(z) = \\sigma(-z)$",
    "scale by the largest component": "scaled by the largest component",
    "otherwise": "otherwise",
    "if": "if",
    # the worked example
    "numbers": "The same with numbers",
    "numbers_large": "The network is too large for its numbers to be printed; this is done for at "
    "most {layers} layers with at most {units} units in each.",
    "numbers_wild": "The numbers of the example leave the range of what can be printed.",
    "numbers_far": "The step is too long: the new loss leaves the range of what can be printed.",
    "numbers_given": "The numbers are given.",
    "numbers_drawn": "The numbers of ${names}$ are drawn, with the seed ${seed}$.",
    "numbers_one": "All of this is for one sample, the column ${x}$.",
    "numbers_mask": "Nothing is dropped out.",
    "numbers_rounded": "Every line is computed with all digits of those before it. What stands "
    "after $=$ is exact; what stands after $\\approx$ is rounded, the largest entry to ${digits}$ "
    "digits.",
    "numbers_forward": "Forward",
    "numbers_backward": "Backward",
    "numbers_update": "One step",
    # one entry by SymPy alone
    "by_sympy": "By SymPy alone",
    "by_sympy_says": "Written out entry by entry, the loss of one sample is one expression of "
    "about ${count}$ operations. SymPy differentiates it with respect to ${entry}$, and knows "
    "nothing of layers. What is repeated, and what is long, has a letter.",
    "by_sympy_large": "The loss of this network, written out entry by entry, is too long an "
    "expression for a page. This section is printed for at most {layers} layers with at most "
    "{units} units in each.",
    "by_sympy_chain": "The chain rule has found the same entry, from what the two sweeps have "
    "computed:",
    "by_sympy_chain_reason": "chain rule",
    "by_sympy_numbers": "Both are evaluated in the numbers of the example.",
    "perturbed_rises": "Raise ${z}$ by ${by}$: then ${L}$ rises by {about} "
    "${change} \\approx {by} \\, {delta}$.",
    "perturbed_falls": "Raise ${z}$ by ${by}$: then ${L}$ falls by {about} "
    "${change} \\approx -{by} \\, {delta}$.",
    "about": "about",
    "exactly": "exactly",
    "numbers_after": "At the new parameters the loss of this sample is {about} ${after}$.",
    "lines_large": "The numbers are too many to be worked out: the lines have {count} summands, "
    "and the example has at most {most}.",
    "lines_one": "There is one sample, whose index ${n}$ is left out.",
    "lines_sizes": "Here ${sizes}$.",
    "lines_no_noise": "The noise is 0.",
    "lines_laid_out": "What has one index stands in a row; what has two, in a matrix with a row "
    "for each value of the first.",
    "lines_matrices": "What has more has a matrix for each value of those before the last two.",
    "lines_left_out": "Left out, since they have more than {rows} rows or {matrices} matrices, or "
    "are wider than the page: ${names}$.",
    "lines_step": "After one step, with ${eta} = {rate}$:",
    "lines_after": "There the loss is {about} ${after}$.",
    # the code
    "code_sample": "The statements are those of the generated module. The notes follow one sample, "
    "a column; the code computes all ${N}$ samples at once, a row for each, so that a product "
    "stands there in the other order and transposed, and the gradient of a parameter is taken over "
    "all samples.",
    "code_columns": "The statements are those of the generated module. In the notes a sample is a "
    "column, in the code it is a row, so that a product stands there in the other order and "
    "transposed.",
    "code_rows": "The statements are those of the generated module; there, too, a sample is a row.",
    "code_names": "A name that begins with d is the derivative of ${L}$ by what follows.",
    "code_mean": "There ${L}$ is the mean over the samples, and its derivatives hold its factor "
    "$1/{N}$.",
    "code_turned": "The code keeps the transpose of ${A}$, with a row for each unit.",
    "code_stable": "Where numbers could overflow, the code computes the stable form.",
    # the figures
    "figure": "Figure",
    "figure_number": "Figure {number}.",
    "figure_network": "The network. An edge is an entry of the matrix beside it; every unit adds "
    "its entry of the bias.",
    "figure_network_edges": "The network. An edge is an entry of the matrix beside it.",
    "figure_network_biases": "The network. An edge is an entry of the matrix beside it; where a "
    "layer has a bias, every unit adds its entry of it.",
    "figure_units": "Units behind the dots are not drawn.",
    "figure_layers": "Layers behind the dots are not drawn.",
    "figure_graph": "What is computed from what. Solid arrows run forward, from the input to the "
    "loss; dashed arrows pass the gradient back, until it reaches every parameter: that is what "
    "the sweep is for.",
    "figure_reads": "What is computed from what: an arrow runs from what is read to what reads it, "
    "and beside each name stands its shape.",
    "figure_reads_loops": "A frame is a loop; dashed arrows come from another step of it.",
    "figure_reads_blocks": "A frame is a block that stands so many times, one after the other.",
    "figure_activation": "Activation (solid) and derivative (dashed). Where a function is flat, "
    "hardly any of the error passes.",
    "figure_vanish": "Since ${prime} \\le {value}$, each such layer multiplies the error by at "
    "most ${value}$, besides its weights: this is one reason why gradients vanish in deep "
    "networks.",
    "figure_descent": "The loss along $-g$, where $g = \\nabla {loss}$, for one choice of numbers. "
    "A small step follows the tangent ${loss} - {eta} \\lVert g \\rVert^{{2}}$, a good one ends "
    "near the lowest point, a large one higher than it began.",
    "figure_input": "input {x}",
    "figure_small": "small {eta}",
    "figure_good": "good {eta}",
    "figure_large": "large {eta}",
    "figure_network_title": "The network {name}",
    "figure_activation_title": "The activations of {name} and their derivatives",
    "figure_descent_title": "The loss of {name} along a step against its gradient",
    "figure_graph_title": "The computational graph of {name}",
    # the interactive page
    "page_detail": "Detail",
    "page_answer": "Answer",
    "page_textbook": "Textbook",
    "page_full": "Every step",
    "page_shown": "Show",
    "page_symbols": "Symbols",
    "page_numbers": "Numbers",
    "page_code": "Code",
    "page_view": "View",
    "page_notes": "Notes",
    "page_worksheet": "Worksheet",
    "page_reveal": "Reveal this step",
    "page_reveal_all": "Reveal all",
    "page_reset": "Reset",
    "page_hint": "Hint",
    "page_print_blank": "Print blank",
    "page_print_key": "Print key",
    "hint_shape": "By shape: ${shape}$.",
    "hint_symbols": "It is made of {symbols}.",
    "page_checked": "evaluated, and true",
    "page_noscript": "The formulas below are in TeX: typesetting them needs JavaScript.",
}
