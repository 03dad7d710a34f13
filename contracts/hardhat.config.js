// Hardhat 3 over the same compiler, settings and sources as every other build; needs no network.
// The settings are those of chain/evm/solc.py and foundry.toml (tests/contracts/test_toolchain.py compares them).
import { fileURLToPath } from "node:url";

import { defineConfig } from "hardhat/config";

export default defineConfig({
  solidity: {
    version: "0.8.37",
    path: fileURLToPath(new URL("./node_modules/solc/soljson.js", import.meta.url)),
    npmFilesToBuild: ["@openzeppelin/contracts/access/manager/AccessManager.sol"],
    settings: {
      evmVersion: "paris",
      viaIR: true,
      optimizer: { enabled: true, runs: 10000 },
      metadata: { bytecodeHash: "none" },
    },
  },
  paths: {
    sources: "./src",
    tests: "./hardhat/test",
    artifacts: "./hardhat/artifacts",
    cache: "./hardhat/cache",
  },
  networks: {
    // What `hardhat node` serves: gas is free, nobody holds a key, and blocks come once a second with headers of
    // the merge, as on older consortium nodes.
    node: {
      type: "edr-simulated",
      chainType: "l1",
      hardfork: "merge",
      chainId: 20261,
      accounts: [],
      initialBaseFeePerGas: 0,
      mining: { auto: false, interval: 1000, mempool: { order: "fifo" } },
      blockGasLimit: 1_000_000_000,
      allowUnlimitedContractSize: false,
    },
  },
});
