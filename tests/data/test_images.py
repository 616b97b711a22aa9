import torch

from cnnzoo.data.images import BatchSampler, Subset, stratified_split


def order(seed, epoch, count=1000, batch_size=100):
    sampler = BatchSampler(count, batch_size, seed=seed)
    sampler.set_epoch(epoch)
    return torch.cat(list(sampler)).tolist()


def test_order_is_a_function_of_seed_and_epoch_alone():
    torch.manual_seed(1)
    first = order(3, 5)
    torch.manual_seed(2)
    assert order(3, 5) == first
    sampler = BatchSampler(1000, 100, seed=3)
    for epoch in range(6):  # an uninterrupted run arrives at the same order as one that begins there
        sampler.set_epoch(epoch)
        last = torch.cat(list(sampler)).tolist()
    assert last == first


def test_epochs_and_seeds_differ():
    orders = {tuple(order(seed, epoch)) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100


def test_training_drops_the_incomplete_batch_and_evaluation_does_not():
    training, evaluation = BatchSampler(1050, 100, seed=0), BatchSampler(1050, 100)
    assert [len(batch) for batch in training] == [100] * 10
    assert [len(batch) for batch in evaluation] == [100] * 10 + [50]
    assert (len(training), len(evaluation)) == (10, 11)
    assert torch.cat(list(evaluation)).tolist() == list(range(1050))
    assert len(set(torch.cat(list(training)).tolist())) == 1000


def test_a_subset_gathers_its_own_images():
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1)
    subset = Subset(pixels, torch.arange(10) * 10, torch.tensor([7, 2, 9]))
    images, labels = subset[torch.tensor([2, 0])]
    assert images.flatten().tolist() == [9, 7]
    assert labels.tolist() == [90, 70]


def test_the_split_is_stratified_disjoint_and_fixed_by_its_seed():
    labels = torch.tensor([0] * 600 + [1] * 300 + [2] * 300)[torch.randperm(1200)]
    kept, held_out = stratified_split(labels, 120, seed=0)
    assert sorted(torch.cat([kept, held_out]).tolist()) == list(range(1200))
    assert torch.bincount(labels[held_out]).tolist() == [60, 30, 30]
    torch.rand(1)
    assert torch.equal(stratified_split(labels, 120, seed=0)[1], held_out)
    assert not torch.equal(stratified_split(labels, 120, seed=1)[1], held_out)
