"""Small networks for the tests of this room, and hypothesis strategies for random ones."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from mpineat.phenotype.network import INPUT, Layer, Network

SHAPE = (8, 8, 3)


def conv(name, source, filters, kernel=3, origin=None):
    return Layer(
        name=name, op="conv2d", inputs=(source,), filters=filters, kernel=(kernel, kernel),
        strides=(1, 1), padding="same", activation="relu", origin=origin,
    )  # fmt: skip


def norm(name, source, filters, kernel=3, steps=1, activation="relu", origin=None):
    return replace(
        conv(name, source, filters, kernel, origin),
        op="conv2d_bn", strides=(steps, steps), activation=activation,
    )  # fmt: skip


def depthwise(name, source, kernel=3, steps=1):
    return Layer(
        name=name, op="depthwise", inputs=(source,), kernel=(kernel, kernel),
        strides=(steps, steps), padding="same",
    )  # fmt: skip


def pool(name, source):
    return Layer(
        name=name, op="maxpool", inputs=(source,), pool=(2, 2), strides=(2, 2), padding="valid"
    )


def join(name, op, *sources):
    return Layer(name=name, op=op, inputs=sources)


def head(source, units=(), classes=4):
    """Return flatten, dense layers d1, d2, ... and the logits."""
    layers = [Layer(name="flatten", op="flatten", inputs=(source,))]
    for number, width in enumerate(units, 1):
        layers.append(
            Layer(
                name=f"d{number}", op="dense", inputs=(layers[-1].name,), units=width,
                activation="relu",
            )
        )  # fmt: skip
    layers.append(Layer(name="output", op="dense", inputs=(layers[-1].name,), units=classes))
    return layers


def build(*layers, output="output"):
    return Network(SHAPE, tuple(layers), output)


@st.composite
def networks(draw, most=6):
    """Grow a random network of convolutions, poolings and joins, of joins and the input too."""
    layers, sizes = [], {INPUT: (8, 3)}  # name -> height and channels
    for number in range(draw(st.integers(1, most))):
        name = f"l{number}"
        source = draw(st.sampled_from(sorted(sizes)))
        height, channels = sizes[source]
        peers = sorted(n for n, (h, _) in sizes.items() if h == height)
        equals = sorted(n for n, size in sizes.items() if size == (height, channels))
        kinds = ["conv", "conv", "residual", "depthwise", "pool", "add", "concat"]
        kind = draw(st.sampled_from(kinds))
        if kind == "pool" and height >= 2:
            layers.append(pool(name, source))
            sizes[name] = (height // 2, channels)
        elif kind == "depthwise":
            layers.append(depthwise(name, source, draw(st.sampled_from([2, 3]))))
            sizes[name] = (height, channels)
        elif kind == "add":
            layers.append(join(name, "add", source, draw(st.sampled_from(equals))))
            sizes[name] = (height, channels)
        elif kind == "concat":
            other = draw(st.sampled_from(peers))
            layers.append(join(name, "concat", source, other))
            sizes[name] = (height, channels + sizes[other][1])
        else:
            width = channels if kind == "residual" else draw(st.integers(1, 7))
            layers.append(conv(name, source, width, draw(st.sampled_from([1, 2, 3]))))
            sizes[name] = (height, width)
            if kind == "residual":
                layers.append(join(f"{name}r", "add", source, name))
                sizes[f"{name}r"] = (height, width)
    last = draw(st.sampled_from(sorted(set(sizes) - {INPUT})))
    return build(*layers, *head(last, units=draw(st.lists(st.integers(1, 6), max_size=2))))
