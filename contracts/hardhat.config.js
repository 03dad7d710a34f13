// A local Hardhat chain for this product: gas is free, nobody holds a key, blocks come every second.
// Headers are those of the merge, as on older consortium nodes; see hardhat-local.md.
export default {
  solidity: {
    version: "0.8.37",
    path: "./node_modules/solc/soljson.js",
    settings: { evmVersion: "paris", viaIR: true, optimizer: { enabled: true, runs: 10_000 } },
  },
  paths: { sources: "./src", artifacts: "./hardhat/artifacts", cache: "./hardhat/cache" },
  networks: {
    node: {
      type: "edr-simulated",
      chainId: 20261,
      hardfork: "merge",
      accounts: [],
      blockGasLimit: 1_000_000_000,
      initialBaseFeePerGas: 0,
      minGasPrice: 0,
      mining: { auto: false, interval: 1000, mempool: { order: "fifo" } },
    },
  },
};
