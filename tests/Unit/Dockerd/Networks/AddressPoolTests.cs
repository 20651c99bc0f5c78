using System.Net;
using AotRuntime.Dockerd.Networks;

namespace AotRuntime.Tests.Unit.Dockerd.Networks;

public sealed class AddressPoolTests
{
    private static AddressPool Pool(string subnet, string gateway) => new(IPNetwork.Parse(subnet), IPAddress.Parse(gateway));

    [Fact]
    public void Gives_each_host_address_once_and_neither_edge_nor_gateway()
    {
        AddressPool pool = Pool("10.0.0.0/29", "10.0.0.1");
        List<string> given = [];
        while (pool.Take() is { } address)
            given.Add(address.ToString());
        Assert.Equal(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"], given);
    }

    [Fact]
    public void An_address_rests_before_it_is_given_again()
    {
        AddressPool pool = Pool("10.0.0.0/29", "10.0.0.1");
        IPAddress first = pool.Take()!;
        pool.Release(first);
        Assert.Equal("10.0.0.3", pool.Take()!.ToString());
        Assert.Equal(["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"], Enumerable.Range(0, 4).Select(_ => pool.Take()!.ToString()));
        Assert.Null(pool.Take());
    }

    [Fact]
    public void Takes_a_wanted_address_once_and_only_of_its_own()
    {
        AddressPool pool = Pool("10.0.0.0/29", "10.0.0.1");
        Assert.True(pool.TryTake(IPAddress.Parse("10.0.0.2")));
        Assert.False(pool.TryTake(IPAddress.Parse("10.0.0.2")));
        Assert.Equal("10.0.0.3", pool.Take()!.ToString());
        foreach (string other in (string[])["10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.8", "9.255.255.255"])
            Assert.False(pool.TryTake(IPAddress.Parse(other)), other);
        pool.Release(IPAddress.Parse("10.0.0.2"));
        Assert.True(pool.TryTake(IPAddress.Parse("10.0.0.2")));
    }

    [Theory]
    [InlineData("10.0.0.1/32", "10.0.0.1")]
    [InlineData("10.0.0.0/30", "10.0.0.1")]
    public void Nothing_outside_the_subnet_is_given(string subnet, string gateway)
    {
        AddressPool pool = Pool(subnet, gateway);
        while (pool.Take() is { } address)
            Assert.True(pool.Subnet.Contains(address), address.ToString());
    }

    [Fact]
    public void Many_takers_get_different_addresses()
    {
        AddressPool pool = Pool("10.1.0.0/20", "10.1.0.1");
        var given = new System.Collections.Concurrent.ConcurrentBag<IPAddress>();
        Parallel.For(0, 4000, _ => given.Add(pool.Take()!));
        Assert.Equal(4000, given.Distinct().Count());
        Assert.DoesNotContain(null, given);
    }

    [Fact]
    public void The_default_pools_are_apart()
    {
        IPNetwork[] pools = [.. AddressPool.Defaults()];
        Assert.Equal("172.17.0.0/16", pools[0].ToString());
        Assert.Equal(31, pools.Length);
        for (int i = 0; i < pools.Length; i++)
        {
            for (int j = 0; j < i; j++)
                Assert.False(AddressPool.Overlap(pools[i], pools[j]), $"{pools[i]} {pools[j]}");
        }
    }

    [Theory]
    [InlineData("172.17.0.0/16", "172.17.5.0/24", true)]
    [InlineData("172.17.5.0/24", "172.17.0.0/16", true)]
    [InlineData("172.16.0.0/12", "172.31.255.0/24", true)]
    [InlineData("172.17.0.0/16", "172.18.0.0/16", false)]
    [InlineData("0.0.0.0/0", "192.168.0.0/20", true)]
    public void Overlaps(string a, string b, bool expected) => Assert.Equal(expected, AddressPool.Overlap(IPNetwork.Parse(a), IPNetwork.Parse(b)));
}
