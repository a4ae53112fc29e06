"""Export: what is written needs no mpineat, takes raw images, and is as good as was said."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mpineat import registry
from mpineat.config import Config, Dataset, Training
from mpineat.data.conversion import Conversion
from mpineat.data.dataset import open_dataset
from mpineat.errors import InputError
from mpineat.phenotype.network import Layer, Network
from mpineat.training.export import final, keras, onnx, savedmodel
from mpineat.training.export import json as architecture
from mpineat.training.export.exported import Exported, export_untrained
from mpineat.training.export.exporter import Exporter

CONFIG = Config(
    dataset=Dataset(train_examples=600), training=Training(batch_size=32, learning_rate=3e-3)
)
DIGITS = open_dataset(CONFIG.dataset, 0)
TEST = DIGITS.test
HAS_ONNX = all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime"))


def conv(name: str, source: str) -> Layer:
    return Layer(
        name=name,
        op="conv2d",
        inputs=(source,),
        filters=8,
        kernel=(3, 3),
        strides=(1, 1),
        padding="same",
        activation="relu",
    )


NETWORK = Network(
    (8, 8, 1),
    (
        conv("a", "input"),
        conv("b", "a"),
        Layer(name="both", op="add", inputs=("a", "b")),
        Layer(
            name="half", op="maxpool", inputs=("both",), pool=(2, 2), strides=(2, 2), padding="same"
        ),
        Layer(name="drop", op="dropout", inputs=("half",), rate=0.1),
        Layer(name="flat", op="flatten", inputs=("drop",)),
        Layer(name="output", op="dense", inputs=("flat",), units=10),
    ),
    "output",
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    output = tmp_path_factory.mktemp("models") / "digits.keras"
    return final.export(NETWORK, CONFIG, DIGITS, output=output, exporter=keras.EXPORTER, epochs=6)


@pytest.fixture(scope="module")
def model(exported: Exported) -> tf.keras.Model:
    return tf.keras.models.load_model(exported.output)


def accuracy(probabilities: np.ndarray) -> float:
    return float(np.mean(probabilities.argmax(axis=-1) == TEST.y))


def test_keras_model_loads_without_mpineat_and_is_as_good_as_was_said(
    exported: Exported, tmp_path: Path
) -> None:
    np.savez(tmp_path / "test.npz", x=TEST.x, y=TEST.y)
    program = (
        "import sys; sys.modules['mpineat'] = None\n"  # any import of it fails
        "import keras, numpy as np\n"
        f"model = keras.models.load_model({str(exported.output)!r})\n"
        "test = np.load('test.npz')\n"
        "print(np.mean(model.predict(test['x'], verbose=0).argmax(-1) == test['y']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert float(done.stdout) == pytest.approx(exported.test_accuracy, abs=1e-4)
    assert exported.test_accuracy > 0.8


def test_training_used_validation_images_too_and_the_test_set_once(tmp_path: Path) -> None:
    reads = []
    counted = final.Dataset(
        name=DIGITS.name,
        input_shape=DIGITS.input_shape,
        classes=DIGITS.classes,
        train=DIGITS.train,
        validation=DIGITS.validation,
        read_test=lambda: reads.append(1) or TEST,
    )
    done = final.export(
        NETWORK, CONFIG, counted, output=tmp_path / "m.keras", exporter=keras.EXPORTER, epochs=1
    )
    assert done.train_examples == 600
    assert done.test_examples == len(TEST.y)
    assert reads == [1]
    assert done.confusion.counts.sum(axis=1).tolist() == np.bincount(TEST.y).tolist()
    assert "recall by class:\n" in str(done)


def test_model_takes_raw_images_and_returns_probabilities(model: tf.keras.Model) -> None:
    found = model.predict(TEST.x, verbose=0)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, rtol=1e-5)
    # The same pixels as floats from 0 to 255 are what users often have.
    np.testing.assert_array_equal(found, model.predict(TEST.x.astype("float32"), verbose=0))


def test_savedmodel_serves_the_same_probabilities(model: tf.keras.Model, tmp_path: Path) -> None:
    savedmodel.EXPORTER.put(model, tmp_path / "saved")
    loaded = tf.saved_model.load(tmp_path / "saved")
    found = loaded.signatures["serving_default"](image=tf.constant(TEST.x))["probabilities"]
    np.testing.assert_allclose(found, model.predict(TEST.x, verbose=0), atol=1e-5)
    np.testing.assert_array_equal(loaded.serve(tf.constant(TEST.x))["probabilities"], found)


def test_savedmodel_holds_its_variables_so_that_converters_find_them(
    model: tf.keras.Model, tmp_path: Path
) -> None:
    savedmodel.EXPORTER.put(model, tmp_path / "saved")
    assert len(tf.saved_model.load(tmp_path / "saved").variables) == 6
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    (image,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(image["index"], TEST.x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], TEST.x)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model.predict(TEST.x, verbose=0), atol=1e-5)


@pytest.mark.skipif(not HAS_ONNX, reason="needs tf2onnx and onnxruntime")
def test_onnx_agrees_to_1e_4(model: tf.keras.Model, tmp_path: Path) -> None:
    import onnxruntime

    onnx.EXPORTER.put(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(["probabilities"], {"image": TEST.x})
    np.testing.assert_allclose(found, model.predict(TEST.x, verbose=0), atol=1e-4)


@pytest.mark.parametrize("exporter", [savedmodel.EXPORTER, onnx.EXPORTER])
def test_a_model_may_take_batches_of_one_size_only(tmp_path: Path, exporter: Exporter) -> None:
    if exporter is onnx.EXPORTER and not HAS_ONNX:
        pytest.skip("needs tf2onnx and onnxruntime")
    output = tmp_path / "four"
    done = final.export(
        NETWORK, CONFIG, DIGITS, output=output, exporter=exporter, epochs=6, batch=4
    )
    assert done.test_accuracy > 0.8  # of all test images, which are no multiple of four
    images = TEST.x[:4]
    if exporter is onnx.EXPORTER:
        import onnxruntime

        session = onnxruntime.InferenceSession(output)
        assert session.get_inputs()[0].shape == [4, 8, 8, 1]
        assert session.get_outputs()[0].shape == [4, 10]
        (found,) = session.run(None, {"image": images})
    else:
        loaded = tf.saved_model.load(output)
        serve = loaded.signatures["serving_default"]
        assert serve.structured_input_signature[1]["image"].shape == (4, 8, 8, 1)
        found = serve(image=tf.constant(images))["probabilities"]
    assert found.shape == (4, 10)


def test_a_format_without_batches_of_one_size_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--batch 4: --format keras has no batches of a fixed"):
        final.export(
            NETWORK, CONFIG, DIGITS, output=tmp_path / "m.keras", exporter=keras.EXPORTER, batch=4
        )


@pytest.mark.parametrize("wrong", ["no y_test", "too few of a class to hold any out"])
def test_a_test_set_that_cannot_be_read_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr(final, "_train", lambda *_: pytest.fail("trained"))
    x, y = np.zeros((12, 8, 8), np.uint8), np.arange(12) % 4
    more = {"x_test": x} if wrong == "no y_test" else {}
    np.savez(tmp_path / "own.npz", x=x, y=y, **more)
    own = CONFIG.model_copy(
        update={"dataset": Dataset(name="file", path=str(tmp_path / "own.npz"))}
    )
    with pytest.raises(InputError, match=r"test"):
        final.export(
            NETWORK,
            own,
            open_dataset(own.dataset, 0),
            output=tmp_path / "m.keras",
            exporter=keras.EXPORTER,
        )


def test_a_failure_of_the_measurement_loses_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> float:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(final, "_confusion", out_of_memory)
    output = tmp_path / "m.keras"
    done = final.export(NETWORK, CONFIG, DIGITS, output=output, exporter=keras.EXPORTER, epochs=1)
    assert "OOM when allocating" in done.unmeasured
    assert f"wrote {output}" in str(done)
    assert "no test accuracy: ResourceExhaustedError" in str(done)
    assert tf.keras.models.load_model(output).output_shape == (None, 10)


def test_json_is_the_network_and_trains_nothing(tmp_path: Path) -> None:
    output = tmp_path / "network.json"
    done = export_untrained(NETWORK, output=output, exporter=architecture.EXPORTER)
    assert Network.from_json(json.loads(done.output.read_text())) == NETWORK
    assert done.test_accuracy is None
    assert "architecture alone" in str(done)


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("missing/m.keras", "keras", "does not exist"),
        ("m.h5", "keras", "ends in .keras for --format keras"),
        (".", "onnx", "is a folder"),
        (".", "savedmodel", "exists and is no SavedModel"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, format: str, message: str
) -> None:
    monkeypatch.setattr(final, "_train", lambda *_: pytest.fail("trained"))
    with pytest.raises(InputError, match=message):
        final.export(
            NETWORK,
            CONFIG,
            DIGITS,
            output=tmp_path / name,
            exporter=registry.load("exporter", format),
        )


def test_onnx_without_its_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(InputError, match=r"needs tf2onnx, .* pip install 'mpineat\[onnx\]'"):
        final.export(NETWORK, CONFIG, DIGITS, output=tmp_path / "m.onnx", exporter=onnx.EXPORTER)


@pytest.mark.skipif(not HAS_ONNX, reason="needs tf2onnx and onnxruntime")
@pytest.mark.parametrize("dtype", ["float64", "bool", "uint16"])
def test_a_model_takes_the_values_of_the_users_file(tmp_path: Path, dtype: str) -> None:
    conversion = Conversion(dtype=dtype, high=65535.0 if dtype == "uint16" else 1.0)
    x = conversion.back(np.where(DIGITS.train.x > 127, 255, 0).astype(np.uint8))
    np.savez(tmp_path / "own.npz", x=x, y=DIGITS.train.y)
    config = CONFIG.model_copy(update={"dataset": own(tmp_path / "own.npz")})
    data = open_dataset(config.dataset, 0)
    done = final.export(
        NETWORK, config, data, output=tmp_path / "m.keras", exporter=keras.EXPORTER, epochs=6
    )
    model = tf.keras.models.load_model(done.output)
    found = model.predict(x, verbose=0)
    assert np.mean(found.argmax(axis=-1) == DIGITS.train.y) > 0.6
    for exporter in (savedmodel.EXPORTER, onnx.EXPORTER):
        exporter.put(model, tmp_path / exporter.name)
    import onnxruntime

    image = x.astype(conversion.model_dtype)
    served = tf.saved_model.load(str(tmp_path / "savedmodel")).signatures["serving_default"]
    session = onnxruntime.InferenceSession(tmp_path / "onnx")
    for again in (
        served(image=tf.constant(image))["probabilities"],
        session.run(["probabilities"], {"image": image})[0],
    ):
        np.testing.assert_allclose(again, found, atol=1e-4)


def own(path: Path) -> Dataset:
    return Dataset(name="file", path=str(path))
