"""The published gradients of the programs of architectures.txt, as NumPy computes them.

Each function is named after its program, takes the arrays of its leaves and returns the gradients
of L by name, "E:W" being that by W of another scalar E, as its source prints them, in loops or
matrices; no line of the package has a part in them.  softmax-jacobian and jacobian-mlp publish a
Jacobian J: the gradient of L = G p is J^T G.  Those of STEPS return parameters after five steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]
PUBLISHED: dict[str, Function] = {}  # name of the program -> its gradients
STEPS: dict[str, Function] = {}  # -> its parameters after five steps


def published(function: Function) -> Function:
    """Put a function into its table; what starts at w0 is an optimizer."""
    table = STEPS if function.__code__.co_varnames[0] == "w0" else PUBLISHED
    table[function.__name__.replace("_", "-")] = function
    return function


def sg(z):
    return 1 / (1 + np.exp(-z))


def dsg(z):
    return sg(z) * (1 - sg(z))


def sm(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


# Goodfellow, Bengio, Courville, Deep Learning (2016), sec. 10.2 eqs (10.8)-(10.14) and 10.2.2 eqs
# (10.17)-(10.28)
@published
def rnn_goodfellow(x, U, W, V, b, c, h0, y):
    T = x.shape[0]
    h = [h0]
    for t in range(T):
        h.append(np.tanh(b + W @ h[-1] + U @ x[t]))
    h = np.array(h)
    o = h[1:] @ V.T + c
    do = sm(o)
    do[np.arange(T), y] -= 1
    dh = np.zeros((T, len(b)))
    dh[T - 1] = V.T @ do[T - 1]
    for t in range(T - 2, -1, -1):
        dh[t] = W.T @ np.diag(1 - h[t + 2] ** 2) @ dh[t + 1] + V.T @ do[t]
    D = [np.diag(1 - h[t + 1] ** 2) for t in range(T)]
    return dict(
        o=do,
        h=dh,
        c=do.sum(0),
        b=sum(D[t] @ dh[t] for t in range(T)),
        V=sum(np.outer(do[t], h[t + 1]) for t in range(T)),
        W=sum(np.outer(D[t] @ dh[t], h[t]) for t in range(T)),
        U=sum(np.outer(D[t] @ dh[t], x[t]) for t in range(T)),
    )


# Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks (ICML 2013,
# arXiv 1211.5063), eqs (2)-(5)
@published
def rnn_pascanu(u, Wrec, Win, b, d):
    T = u.shape[0]
    x = [0 * b]
    for t in range(T):
        x.append(Wrec @ np.tanh(x[-1]) + Win @ u[t] + b)
    gW = 0 * Wrec
    gI = 0 * Win
    gb = 0 * b
    for t in range(1, T + 1):
        J = np.eye(len(b))
        for k in range(t, 0, -1):
            g = (x[t] - d[t - 1]) @ J
            gW = gW + np.outer(g, np.tanh(x[k - 1]))
            gI = gI + np.outer(g, u[k - 1])
            gb = gb + g
            J = J @ Wrec @ np.diag(1 - np.tanh(x[k - 1]) ** 2)
    return dict(Wrec=gW, Win=gI, b=gb)


# Gers, Schmidhuber, Cummins 2000 (forward); backward as in Luong & See, LSTM Derivations (2016),
# CS231n/CS224n and d2l sec. 10.1
@published
def lstm_standard(x, Wi, Wf, Wo, Wg, Ui, Uf, Uo, Ug, bi, bf, bo, bg, d):
    T = x.shape[0]
    n = len(bi)
    h = [np.zeros(n)]
    c = [np.zeros(n)]
    S = []
    for t in range(T):
        i = sg(Wi @ x[t] + Ui @ h[-1] + bi)
        f = sg(Wf @ x[t] + Uf @ h[-1] + bf)
        o = sg(Wo @ x[t] + Uo @ h[-1] + bo)
        g = np.tanh(Wg @ x[t] + Ug @ h[-1] + bg)
        S.append((i, f, o, g))
        c.append(f * c[-1] + i * g)
        h.append(o * np.tanh(c[-1]))
    dh = h[-1] - d
    dc = np.zeros(n)
    q = {k + s: 0 for k in "WUb" for s in "ifog"}
    H = []
    C = []
    AF = []
    for t in range(T - 1, -1, -1):
        i, f, o, g = S[t]
        tc = np.tanh(c[t + 1])
        dc = dh * o * (1 - tc**2) + dc
        H.insert(0, dh)
        C.insert(0, dc)
        da = dict(
            o=dh * tc * o * (1 - o),
            f=dc * c[t] * f * (1 - f),
            i=dc * g * i * (1 - i),
            g=dc * i * (1 - g**2),
        )
        AF.insert(0, da["f"])
        for s in "ifog":
            q["W" + s] = q["W" + s] + np.outer(da[s], x[t])
            q["U" + s] = q["U" + s] + np.outer(da[s], h[t])
            q["b" + s] = q["b" + s] + da[s]
        dh = Ui.T @ da["i"] + Uf.T @ da["f"] + Uo.T @ da["o"] + Ug.T @ da["g"]
        dc = dc * f
    return dict(q, h=np.array(H), c=np.array(C), af=np.array(AF))


# Cho et al. 2014 (arXiv 1406.1078), eqs (5)-(8); Chung et al. 2014
@published
def gru_cho(x, Wz, Wr, Wh, Uz, Ur, Uh, bz, br, bh, h0, G):
    T = x.shape[0]
    h = [h0]
    S = []
    for t in range(T):
        z = sg(Wz @ x[t] + Uz @ h[-1] + bz)
        r = sg(Wr @ x[t] + Ur @ h[-1] + br)
        c = np.tanh(Wh @ x[t] + Uh @ (r * h[-1]) + bh)
        S.append((z, r, c))
        h.append(z * h[-1] + (1 - z) * c)
    dh = np.zeros((T + 1, len(h0)))
    az = dh[1:].copy()
    ar = az.copy()
    ah = az.copy()
    for t in range(T - 1, -1, -1):
        z, r, c = S[t]
        dh[t + 1] += G[t]
        d = dh[t + 1]
        ah[t] = d * (1 - z) * (1 - c**2)
        az[t] = d * (h[t] - c) * z * (1 - z)
        m = Uh.T @ ah[t]
        ar[t] = m * h[t] * r * (1 - r)
        dh[t] = d * z + m * r + Uz.T @ az[t] + Ur.T @ ar[t]
    hp = np.array(h[:-1])
    rh = np.array([S[t][1] * h[t] for t in range(T)])
    return dict(
        ah=ah,
        az=az,
        ar=ar,
        h=dh[1:],
        h0=dh[0],
        Uh=ah.T @ rh,
        Uz=az.T @ hp,
        Ur=ar.T @ hp,
        Wh=ah.T @ x,
        Wz=az.T @ x,
        Wr=ar.T @ x,
        bh=ah.sum(0),
        bz=az.sum(0),
        br=ar.sum(0),
        x=ah @ Wh + az @ Wz + ar @ Wr,
    )


# Chen et al., Neural Ordinary Differential Equations (NeurIPS 2018), eqs (3)-(5); discrete form:
# He et al. 2016 / e.g. Haber & Ruthotto 2017
@published
def neural_ode_euler(W, b, z0, d, s):
    z = [z0]
    for _ in range(5):
        z.append(z[-1] + s * np.tanh(W @ z[-1] + b))
    a = [None] * 5 + [z[5] - d]
    gW = 0 * W
    gb = 0 * b
    for k in range(4, -1, -1):
        D = 1 - np.tanh(W @ z[k] + b) ** 2
        a[k] = a[k + 1] + s * (np.diag(D) @ W).T @ a[k + 1]
        gW = gW + s * np.outer(D * a[k + 1], z[k])
        gb = gb + s * D * a[k + 1]
    return dict(z=np.array(a), W=gW, b=gb, z0=a[0])


# any; Goodfellow et al. 2016 sec. 9.1; d2l sec. 7.2
@published
def conv1d_valid(x, w_, b, G):
    return dict(w_=np.correlate(x, G, "valid"), x=np.convolve(G, w_, "full"), b=G.sum())


# CS231n assignment 2 (conv_backward_naive); PyTorch nn.Conv2d
@published
def conv2d_nchw(x, W, b, G):
    X = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dX = 0 * X
    dW = 0 * W
    for p in range(3):
        for q in range(2):
            dW += np.einsum(
                "nf,ncuv->fcuv", G[:, :, p, q], X[:, :, 2 * p : 2 * p + 3, 2 * q : 2 * q + 3]
            )
            dX[:, :, 2 * p : 2 * p + 3, 2 * q : 2 * q + 3] += np.einsum(
                "nf,fcuv->ncuv", G[:, :, p, q], W
            )
    return dict(b=G.sum((0, 2, 3)), W=dW, x=dX[:, :, 1:-1, 1:-1])


# van den Oord et al., WaveNet (2016), sec. 2.1 (forward); backward: the usual derivation
@published
def conv_dilated_causal(x, W, b, G):
    g = np.concatenate([G, np.zeros((4, 2))])
    X = np.concatenate([np.zeros((4, 2)), x])
    return dict(
        x=sum(g[2 * w : 2 * w + 6] @ W[:, :, w] for w in range(3)),
        W=np.stack([G.T @ X[4 - 2 * w : 10 - 2 * w] for w in range(3)], 2),
        b=G.sum(0),
    )


# d2l sec. 14.10 (Transposed Convolution: multiplication by the transpose); Dumoulin & Visin 2016
@published
def conv_transposed(X, K, G):
    return dict(
        X=np.array([K @ G[2 * i : 2 * i + 3] for i in range(4)]),
        K=np.array([sum(X[i] * G[2 * i + a] for i in range(4)) for a in range(3)]),
    )


# CS231n (max gate: the gradient goes to the maximum); Goodfellow sec. 9.3
@published
def pool_max(x, G):
    d = np.zeros_like(x)
    for c, p, q in np.ndindex(*G.shape):
        w = x[c, 2 * p : 2 * p + 2, 2 * q : 2 * q + 2]
        u, v = np.unravel_index(w.argmax(), (2, 2))
        d[c, 2 * p + u, 2 * q + v] += G[c, p, q]
    return dict(x=d)


# Bouvrie 2006 sec. 3.2
@published
def pool_bouvrie(x, beta, b, d):
    D = x.reshape(2, 2, 2, 2).sum(axis=(1, 3))
    u = beta * D + b
    de = (sg(u) - d) * dsg(u)
    return dict(u=de, b=de.sum(), beta=(de * D).sum(), x=beta * np.kron(de, np.ones((2, 2))))


# Ioffe & Szegedy 2015 (arXiv 1502.03167), sec. 3, unnumbered list after Algorithm 1
@published
def batchnorm_ioffe(x, gamma, beta, G, eps):
    m = len(x)
    mu = x.mean(0)
    va = ((x - mu) ** 2).mean(0)
    s = np.sqrt(va + eps)
    xh = (x - mu) / s
    dxh = G * gamma
    dva = (dxh * (x - mu) * -0.5 * (va + eps) ** -1.5).sum(0)
    dmu = (dxh * -1 / s).sum(0) + dva * (-2 * (x - mu)).sum(0) / m
    return dict(
        xh=dxh,
        va=dva,
        mu=dmu,
        x=dxh / s + dva * 2 * (x - mu) / m + dmu / m,
        gamma=(G * xh).sum(0),
        beta=G.sum(0),
    )


# Ba, Kiros, Hinton 2016 (forward eq. (3)-(4)); backward: llm.c / PyTorch kernels, several
# derivations
@published
def layernorm(x, gamma, beta, G, eps):
    mu = x.mean(1, keepdims=True)
    s = np.sqrt(((x - mu) ** 2).mean(1, keepdims=True) + eps)
    xh = (x - mu) / s
    dxh = G * gamma
    return dict(
        xh=dxh,
        x=(dxh - dxh.mean(1, keepdims=True) - xh * (dxh * xh).mean(1, keepdims=True)) / s,
        gamma=(G * xh).sum(0),
        beta=G.sum(0),
    )


# Salimans & Kingma 2016 (arXiv 1602.07868), eqs (2)-(4)
@published
def weightnorm(v, g, x, b, t):
    n = np.sqrt(v @ v)
    w = g * v / n
    y = np.tanh(w @ x + b)
    gw = (y - t) * (1 - y * y) * x
    gg = gw @ v / n
    gv = g / n * gw - g * gg / n**2 * v
    assert np.allclose(gv, g / n * (np.eye(4) - np.outer(w, w) / (w @ w)) @ gw)
    return dict(w=gw, g=gg, v=gv)


# Wang et al. NormFace 2017, eq. for dL/dx; Schroff et al. 2015
@published
def l2_normalise(x, G):
    n = np.sqrt(x @ x)
    u = x / n
    return dict(x=(G - u * (u @ G)) / n)


# PRML eq. (4.106); any text
@published
def softmax_jacobian(z, G):
    p = sm(z)
    return dict(z=(np.diag(p) - np.outer(p, p)).T @ G)


# Hinton, Vinyals, Dean 2015 (arXiv 1503.02531), eqs (1)-(4)
@published
def distillation(z, v, T):
    return dict(z=(sm(z / T) - sm(v / T)) / T)


# Vaswani et al. 2017 eq. (1); backward: Dao et al. 2022 (FlashAttention, arXiv 2205.14135)
# appendix B.2 and Algorithm 3; FlashAttention-2
@published
def attention_sdpa(Q, K, V, G):
    r = np.sqrt(3.0)
    P = sm(Q @ K.T / r)
    dP = G @ V.T
    dS = P * (dP - (dP * P).sum(1, keepdims=True))
    assert np.allclose((dP * P).sum(1), (G * (P @ V)).sum(1))
    return dict(V=P.T @ G, P=dP, S=dS, Q=dS @ K / r, K=dS.T @ Q / r)


# Vaswani et al. 2017 sec. 3.2.2 (forward); backward: composition, as in llm.c
@published
def attention_multihead(X, WQ, WK, WV, WO, G):
    r = np.sqrt(2.0)
    out = dict(WQ=0 * WQ, WK=0 * WK, WV=0 * WV, WO=0 * WO)
    dX = 0 * X
    for h in range(2):
        q, k, v = X @ WQ[h], X @ WK[h], X @ WV[h]
        A = np.exp(q @ k.T / r) * np.tril(np.ones((4, 4)))
        P = A / A.sum(1, keepdims=True)
        o = P @ v
        out["WO"][h] = o.T @ G
        dO = G @ WO[h].T
        dv = P.T @ dO
        dP = dO @ v.T
        dS = P * (dP - (dP * P).sum(1, keepdims=True))
        dq = dS @ k / r
        dk = dS.T @ q / r
        out["WQ"][h] = X.T @ dq
        out["WK"][h] = X.T @ dk
        out["WV"][h] = X.T @ dv
        dX = dX + dq @ WQ[h].T + dk @ WK[h].T + dv @ WV[h].T
    return dict(out, X=dX)


# Su et al., RoFormer (2021), eq. (34) (forward); backward: rotation by the opposite angle
@published
def rope(x, z, place, th, G, H):
    a = place[:, None] * th
    return dict(x=G * np.cos(a) + H * np.sin(a), z=-G * np.sin(a) + H * np.cos(a))


# any; d2l sec. 15.1; Rong 2014
@published
def embedding(E, tok, Y):
    D = 0 * E
    np.add.at(D, tok, E[tok] - Y)
    return dict(E=D)


# Srivastava, Greff, Schmidhuber 2015 (arXiv 1505.00387), eqs (3)-(5)
@published
def highway(x, WH, WT, bT, G):
    H = np.tanh(WH @ x)
    T = sg(WT @ x + bT)
    a = G * T * (1 - H**2)
    t = G * (H - x) * T * (1 - T)
    return dict(WH=np.outer(a, x), WT=np.outer(t, x), bT=t, x=WH.T @ a + WT.T @ t + G * (1 - T))


# Srivastava et al. 2014 eq. in sec. 4 (forward without scaling); CS231n inverted form
@published
def dropout(h, M, q, Y):
    return dict(h=M / q * (M * h / q - Y))


# He et al., Delving Deep into Rectifiers (2015), eqs (1)-(4)
@published
def prelu(y, a, G):
    return dict(a=(G * np.where(y > 0, 0, y)).sum(0), y=G * np.where(y > 0, 1, a))


# Vincent et al. 2010 (JMLR), sec. 2.2 (forward); Hinton & Salakhutdinov 2006
@published
def autoencoder_tied(x, W, b, c):
    h = sg(W @ x + b)
    r = sg(W.T @ h + c)
    d = (r - x) * r * (1 - r)
    e = (W @ d) * h * (1 - h)
    return dict(c=d, b=e, W=np.outer(e, x) + np.outer(h, d))


# Kipf & Welling 2017, eq. (9)-(10) (forward); backward: the usual derivation
@published
def gcn(Ah, X, W0, W1, Y):
    H = np.tanh(Ah @ X @ W0)
    D = sm(Ah @ H @ W1) - Y
    return dict(W1=(Ah @ H).T @ D, W0=(Ah @ X).T @ ((Ah.T @ D @ W1.T) * (1 - H**2)))


# Bai, Kolter, Koltun, Deep Equilibrium Models (2019), Theorem 1
@published
def deq_implicit(W, U, x, G):
    z = np.zeros(3)
    for _ in range(400):
        z = np.tanh(W @ z + U @ x)
    D = 1 - z**2
    Jg = np.diag(D) @ W - np.eye(3)
    u = -G @ np.linalg.inv(Jg)
    return dict(W=np.outer(u * D, z), U=np.outer(u * D, x), x=U.T @ (u * D))


# ESL eqs (3.41)-(3.44); PRML (3.27)-(3.28)
@published
def linreg_ridge(X, w, t, lam):
    return dict(w=X.T @ (X @ w - t) + lam * w)


# PRML eqs (4.90)-(4.100); ESL eqs (4.20)-(4.28)
@published
def logistic_irls(X, w, t):
    y = sg(X @ w)
    return dict(w=X.T @ (y - t))


# McCullagh & Nelder 1989 sec. 6; Cameron & Trivedi
@published
def poisson_regression(X, b, y):
    m = np.exp(X @ b)
    return dict(b=X.T @ (m - y))


# Nix & Weigend 1994; Kendall & Gal 2017 eq. (5),(8)
@published
def gaussian_nll(mu, s, y):
    return dict(mu=(mu - y) * np.exp(-s), s=(1 - (y - mu) ** 2 * np.exp(-s)) / 2)


# Jacobs, Jordan, Nowlan, Hinton 1991, eqs (1.3)-(1.5)
@published
def mixture_of_experts(s, o, d):
    e = sm(s) * np.exp(-((d - o) ** 2).sum(1) / 2)
    h = e / e.sum()
    return dict(o=-h[:, None] * (d - o), s=sm(s) - h)


# Tang, Deep Learning using Linear SVMs (2013), eqs (10)-(12)
@published
def svm_l2(h, w, t, C):
    m = np.maximum(1 - t * (h @ w), 0)
    return dict(h=-2 * C * (t * m)[:, None] * w, w=w - 2 * C * (t * m) @ h)


# Huber 1964; Koenker & Bassett 1978; any
@published
def robust_losses(e, c):
    return dict(
        e=c[0] * np.clip(e, -0.5, 0.5)
        + c[1] * e / np.sqrt(1 + 4 * e * e)
        + c[2] * np.tanh(e)
        + c[3] * ((e > 0) - 0.3)
    )


# Milletari, Navab, Ahmadi, V-Net (2016), sec. 3
@published
def dice(p, g):
    s = (p * p).sum() + (g * g).sum()
    return dict(p=2 * (g * s - 2 * p * (p * g).sum()) / s**2)


# Hadsell, Chopra, LeCun 2006, eqs (4)-(7)
@published
def contrastive_hadsell(u, v, Y, m):
    D = np.sqrt(((u - v) ** 2).sum(1))
    g = (1 - Y) * D - Y * np.maximum(0, m - D)
    return dict(D=g, u=(g / D)[:, None] * (u - v), v=-(g / D)[:, None] * (u - v))


# van den Oord et al. 2018 eq. (4); Chen et al. 2020 (SimCLR) eq. (1); gradient: SupCon appendix,
# CLIP
@published
def infonce(Q, K, tau):
    P = sm(Q @ K.T / tau) - np.eye(4)
    return dict(Q=P @ K / 4 / tau, K=P.T @ Q / 4 / tau)


# Cox 1972; Katzman et al. DeepSurv 2018
@published
def cox(X, b):
    w = np.triu(np.ones((5, 5))) * np.exp(X @ b)
    return dict(b=(X - (w @ X) / w.sum(1, keepdims=True)).sum(0))


# CS224n assignment 2, questions (b)-(d) (2019-2023)
@published
def word2vec_softmax(U, v, o):
    e = sm(U @ v)
    e[o[0]] -= 1
    return dict(v=U.T @ e, U=np.outer(e, v))


# Pennington, Socher, Manning 2014, eq. (8)
@published
def glove(w, c, b, e, X, f):
    R = 2 * f * (w @ c.T + b[:, None] + e - np.log(X))
    return dict(w=R @ c, c=R.T @ w, b=R.sum(1), e=R.sum(0))


# Rendle 2010 (ICDM), eqs (1), (4)
@published
def factorization_machine(x, V, w, w0):
    return dict(V=np.outer(x, x @ V) - V * (x * x)[:, None], w=x, w0=np.array(1.0))


# van der Maaten & Hinton 2008, eqs (4)-(5), appendix A
@published
def tsne(y, R):
    off = 1 - np.eye(4)
    P = (R + R.T) * off
    P = P / P.sum()
    E = y[:, None] - y[None]
    w = off / (1 + (E**2).sum(-1))
    q = w / w.sum()
    return dict(y=4 * (((P - q) * w)[:, :, None] * E).sum(1))


# Kingma & Welling 2014, eq. (10) and appendix B; Rezende et al. 2014
@published
def vae(mu, s, eps, V, x):
    d = V.T @ (V @ (mu + np.exp(s / 2) * eps) - x)
    return dict(z=d, mu=d + mu, s=d * np.exp(s / 2) * eps / 2 + (np.exp(s) - 1) / 2)


# Sutton & Barto 2nd ed. sec. 2.8, eq. (2.12)-(2.13)
@published
def gradient_bandit(H, q):
    p = sm(H)
    return dict(H=p * (q - p @ q))


# Rafailov et al. 2023, eq. (7) and the gradient in sec. 4
@published
def dpo(z, c, beta):
    lp = z - np.log(np.exp(z).sum())
    r = beta * (lp - c)
    e = np.eye(5)
    return dict(z=-beta * sg(r[3] - r[1]) * ((e[1] - sm(z)) - (e[3] - sm(z))))


# Hinton 2002; Hinton, Practical Guide 2012 eqs (5)-(8); Goodfellow ch. 20
@published
def rbm(W, a, b, v, states):
    F = states @ a + np.log(1 + np.exp(b + states @ W)).sum(-1)
    p = np.exp(F)
    p = p / p.sum()
    h, H = sg(b + v @ W), sg(b + states @ W)
    return dict(W=np.outer(v, h) - (states * p[:, None]).T @ H, a=v - p @ states, b=h - p @ H)


# Baum et al. 1970; Salakhutdinov, Roweis, Ghahramani 2003; Rabiner 1989 eq. (37)
@published
def hmm_fisher(lA, e, p0):
    M = np.exp(lA)
    f = [np.exp(p0 + e[0])]
    for t in range(1, 4):
        f.append((f[-1] @ M) * np.exp(e[t]))
    b = [np.ones(3)]
    for t in range(3, 0, -1):
        b.insert(0, M @ (np.exp(e[t]) * b[0]))
    Z = f[-1].sum()
    g = np.array([f[t] * b[t] / Z for t in range(4)])
    return dict(
        lA=sum(np.outer(f[t - 1], np.exp(e[t]) * b[t]) * M for t in range(1, 4)) / Z, e=g, p0=g[0]
    )


# Rasmussen & Williams 2006 eqs (5.8)-(5.9)
@published
def gp_marginal_likelihood(x, y, th):
    D = (x[:, None] - x) ** 2
    S = np.exp(2 * th[0]) * np.exp(-D / (2 * np.exp(2 * th[1])))
    N = np.exp(2 * th[2]) * np.eye(5)
    Ki = np.linalg.inv(S + N)
    al = Ki @ y
    return dict(
        th=np.array(
            [
                np.trace((np.outer(al, al) - Ki) @ d) / 2
                for d in (2 * S, S * D / np.exp(2 * th[1]), 2 * N)
            ]
        )
    )


# Pearlmutter 1994; PRML sec. 5.4.6 eqs (5.96)-(5.111)
@published
def hvp_pearlmutter(x, t, W1, W2, V1, V2):
    a = W1 @ x
    z = np.tanh(a)
    y = W2 @ z
    h1 = 1 - z**2
    h2 = -2 * z * h1
    Ra = V1 @ x
    Rz = h1 * Ra
    Ry = W2 @ Rz + V2 @ z
    dk = y - t
    dj = h1 * (W2.T @ dk)
    Rdk = Ry
    Rdj = h2 * Ra * (W2.T @ dk) + h1 * (V2.T @ dk) + h1 * (W2.T @ Rdk)
    return {
        "E:W2": np.outer(dk, z),
        "E:W1": np.outer(dj, x),
        "W2": np.outer(Rdk, z) + np.outer(dk, Rz),
        "W1": np.outer(Rdj, x),
    }


# PRML sec. 5.3.4 eqs (5.70)-(5.76)
@published
def jacobian_mlp(x, W1, W2, G):
    z = np.tanh(W1 @ x)
    y = sm(W2 @ z)
    Ja = np.diag(y) - np.outer(y, y)
    return dict(x=((Ja @ W2 * (1 - z**2)) @ W1).T @ G)


# Gulrajani et al. 2017 eq. (3) (forward); gradients derived, verified
@published
def gradient_penalty(x, W, b, v):
    h = np.tanh(W @ x + b)
    s = v * (1 - h**2)
    g = W.T @ s
    n = np.sqrt(g @ g)
    d = 2 * (n - 1) / n * g
    u = W @ d
    e = -2 * h * (1 - h**2) * v * u
    return dict(g=d, v=u * (1 - h**2), b=e, W=np.outer(s, d) + np.outer(e, x), x=W.T @ e)


# Lagaris, Likas, Fotiadis 1998 eqs (12)-(14) (derivatives of the network); Raissi et al. 2019
@published
def pinn(x, f, v, w, b):
    h = np.tanh(x[:, None] * w + b)
    d = 1 - h * h
    s2 = -2 * h * d
    s3 = -2 * d * d + 4 * h * h * d
    r = s2 @ (v * w * w) - f
    return dict(
        v=w * w * (r @ s2),
        b=v * w * w * (r @ s3),
        w=v * (2 * w * (r @ s2) + w * w * ((r * x) @ s3)),
    )


# Polyak 1964; Goodfellow Algorithm 8.2; Sutskever 2013 eqs (1)-(2)
@published
def sgd_momentum(w0, A, c, lr, mu):
    w = w0
    v = 0 * w0
    for _ in range(5):
        v = mu * v - lr * (A @ w - c)
        w = w + v
    return w


# Duchi et al. 2011; Goodfellow Algorithm 8.4
@published
def adagrad(w0, A, c, lr, eps):
    w = w0
    r = 0 * w0
    for _ in range(5):
        g = A @ w - c
        r = r + g * g
        w = w - lr * g / (eps + np.sqrt(r))
    return w


# Zeiler 2012, Algorithm 1
@published
def adadelta(w0, A, c, rho, eps):
    w = w0
    r = 0 * w0
    q = 0 * w0
    for _ in range(5):
        g = A @ w - c
        r = rho * r + (1 - rho) * g * g
        d = -np.sqrt(q + eps) / np.sqrt(r + eps) * g
        q = rho * q + (1 - rho) * d * d
        w = w + d
    return w


# Kingma & Ba 2015, Algorithm 1
@published
def adam(w0, A, c, lr, b1, b2, eps):
    w = w0
    m = 0 * w0
    v = 0 * w0
    for t in range(1, 6):
        g = A @ w - c
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        w = w - lr * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
    return w
