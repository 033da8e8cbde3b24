"""Settings of the network and how it runs."""

from dataclasses import dataclass

from depth_ros.config.spec import setting


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of the network and how it runs; see each field's help."""

    model: str = setting(
        "zoedepth-lite",
        "Model name from `depth_ros models`, folder of a checkpoint, exported .onnx file, or "
        "hub id.",
    )
    weights: str = setting(
        "", "Folder with the weights of the named model; empty: load them from the hub."
    )
    runtime: str = setting(
        "auto",
        "Library that runs the network; auto: onnxruntime for an .onnx file, otherwise torch.",
        choices=("auto", "torch", "onnxruntime"),
    )
    providers: str = setting(
        "auto",
        "ONNX Runtime execution providers in priority order, separated by commas: tensorrt, "
        "cuda, cpu; auto: cuda on a CUDA device, otherwise cpu. Fails if a provider is "
        "unavailable.",
    )
    device: str = setting(
        "auto", "auto (CUDA if available), cpu, cuda or cuda:N. Fails if the device is unavailable."
    )
    dtype: str = setting(
        "float32",
        "Precision of the network's weights and activations; float16 and bfloat16 are half "
        "precision: both for a GPU, bfloat16 also for recent CPUs. An .onnx file has its own.",
        choices=("float32", "float16", "bfloat16"),
    )
    compile: str = setting(
        "auto",
        "torch.compile, once for each image size (up to eight sizes). true: compile before the "
        "first answer, which takes about a minute and needs a C++ compiler, or Triton on CUDA. "
        "auto: on CUDA only, in the background while frames are answered uncompiled.",
        choices=("auto", "true", "false"),
    )
    threads: int = setting(
        0,
        "CPU threads for the network; 0: all cores, minus one for ROS if there are three or more.",
        low=0,
        high=1024,
    )
    image_fit: str = setting(
        "auto",
        "How an image whose aspect ratio differs from the network's input is resized. warp: "
        "stretch it; minimal: keep the aspect ratio and scale as little as possible; "
        "lower_bound: keep the aspect ratio, no side smaller than the input; auto: the model's "
        "own method.",
        choices=("auto", "warp", "minimal", "lower_bound"),
    )
    flip: bool = setting(
        False,
        "Average with the depth of the mirrored image, as in ZoeDepth's evaluation; doubles the "
        "run time.",
    )
    grin_steps: int = setting(
        0,
        "Denoising models (GRIN): number of sampler steps; 0: the checkpoint's default, or half "
        "of it with grin.carry.",
        low=0,
        high=1000,
        live=True,
    )
    grin_samples: int = setting(
        0,
        "Denoising models: number of samples; depth is their median. Two or more also give "
        "confidence. 0: the checkpoint's default.",
        low=0,
        high=64,
        live=True,
    )
    grin_seed: int = setting(0, "Denoising models: noise seed.", low=0, high=2**31 - 1, live=True)
    grin_query_stride: int = setting(
        0,
        "Denoising models: estimate every n-th pixel and row and interpolate between them; 0: "
        "the checkpoint's default.",
        unit="px",
        low=0,
        high=64,
        live=True,
    )
    grin_carry: bool = setting(
        False,
        "Denoising models: start from the depth of the previous frame, which saves steps and "
        "reduces flicker.",
        live=True,
    )
