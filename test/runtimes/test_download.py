"""Results on their way to the host: whole, and not copied where they need not be."""

import pytest
import torch

from depth_ros.runtimes.download import Download

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")


def test_on_the_cpu_a_result_stays_where_it_is() -> None:
    values = torch.rand(48, 64)
    assert Download()(values) is values


@CUDA
def test_on_cuda_results_of_any_size_and_layout_arrive_whole() -> None:
    download = Download()
    for values in (torch.rand(48, 64), torch.rand(64, 48).T, torch.rand(480, 640), torch.rand(2)):
        found = download(values.cuda())
        assert found.is_pinned()
        assert torch.equal(found, values)
