//! Streams that zlib made (by way of Python's `zlib`, `Z_SYNC_FLUSH`, tail taken off), and what they hold.

/// What was compressed and how, the payload, what it holds.
pub fn samples() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let holds: [(&str, Vec<u8>); 4] =
        [("words", words()), ("json", json()), ("mixed", mixed()), ("noise", noise())];
    SAMPLES
        .iter()
        .map(|(name, payload)| {
            let begins = |(what, _): &&(&str, Vec<u8>)| name.starts_with(what);
            let (_, original) = holds.iter().find(begins).unwrap();
            (*name, hex(payload), original.clone())
        })
        .collect()
}

/// Bytes from hex digits; spaces mean nothing.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub fn words() -> Vec<u8> {
    "the quick brown fox jumps over a lazy dog and then the dog jumps over the fox, slowly; "
        .repeat(3)
        .into_bytes()
}

pub fn json() -> Vec<u8> {
    let one = |id: u32| {
        format!("{{\"id\":{id},\"name\":\"user {}\",\"ok\":{}}},", id * 7, !id.is_multiple_of(3))
    };
    (0..12).map(one).collect::<String>().into_bytes()
}

pub fn noise() -> Vec<u8> {
    let mut number = 1_u64;
    let mut roll = || {
        number = (number * 1_103_515_245 + 12_345) & 0x7fff_ffff;
        (number >> 16) as u8
    };
    (0..300).map(|_| roll()).collect()
}

fn mixed() -> Vec<u8> {
    let ramp: Vec<u8> = (0..=255).collect();
    let back: Vec<u8> = (0..=255).rev().collect();
    [&[b'a'; 700][..], &ramp, &[b'a'; 300], &back, &words()].concat()
}

const SAMPLES: [(&str, &str); 8] = [
    (
        "words, fixed",
        "2ac94855282ccd4cce56482aca2fcf5348cbaf50c82acd2d2856c82f4b2d524854c849acaa5448c94f57 \
         48cc4b5128c948cd0311600124652021a04e1d85e29cfcf29c4a6bb0c0d0311600",
    ),
    (
        "words, Huffman only",
        "04c10b0184201040c12a2f800d2e0dca2a22b0ca47c0f437539df0b473bb58b3f6c4ae03dfe25dd05732 \
         8660be89d503932cd549a23ac1ea816ff12ee82b99ea845dc74209dac3fc519df0b473bb58b3f6c4ae03 \
         dfe25dd057328660be89d503932cd549a23ac1ea816ff12ee82b99ea845dc74209dac3fc519df0b473bb \
         58b3f6c4ae03dfe25dd057328660be89d503932cd549a23ac1ea816ff12ee82b99ea845dc74209dac3fc \
         f107",
    ),
    (
        "json, level 1",
        "6cd0490a80301044d1ab48afb3486734b98d60047102a32bf1ee82a8d8a1f78f2af807f42d4429606ea6 \
         0411f69cd64a82806580d835634ea7386e83d4f8c76cebfe1145091ac6686a14725fa640353364a9d196 \
         318e1aa3b8335fa0c00cd5d458c798408dd3dc1916a9fddbfadf11cbd634f605",
    ),
    (
        "json, level 9",
        "6cd0490a80301044d1ab48afb3c81c93db0846102730ba12ef2e88081d6affa8827fd1d8539282d66ec9 \
         94e82c796f2409da264a4337977c8beb358a9bf099633f7fa239511618c38d56e8cb56a805438e1be380 \
         f1dc588dce428522186ab9711e98c88d37b062953a48b0a4ead63cf603",
    ),
    (
        "json, window of 512",
        "6ccd4d0a83301445e1ad9437ce202fbf9add08a6506c15b48ea47b2f880837dcf9c73987bc4629d6c83c \
         7caa14d9b7ba3eac18592629cfe1bdd59f394ea368f265beeb7e13874403311e8d53f60a0dea4828a2f1 \
         919884263836cb0dea49a8431313313d9ae4d94c2daa6c4949b54119d01f",
    ),
    (
        "mixed, level 6",
        "4a4c1c05a360680206462666165636760e4e2e6e1e5e3e7e014121611151317109492969195939790545 \
         2565155535750d4d2d6d1d5d3d7d03432363135333730b4b2b6b1b5b3b7b07472767175737770f4f2f6f \
         1f5f3fff80c0a0e090d0b0f088c8a8e898d8b8f884c4a4e494d4b4f48cccacec9cdcbcfc82c2a2e292d2 \
         b2f28acaaaea9adabafa86c6a6e696d6b6f68eceaeee9edebefe0913274d9e3275daf4193367cd9e3377 \
         defc050b172d5eb274d9f2152b57ad5eb376ddfa0d1b376ddeb275dbf61d3b77eddeb377dffe03070f1d \
         3e72f4d8f113274f9d3e73f6dcf90b172f5dbe72f5daf51b376fddbe73f7defd070f1f3d7ef2f4d9f317 \
         2f5fbd7ef3f6ddfb0f1f3f7dfef2f5dbf71f3f7ffdfef3f7dfff810effa104fefffbfbe7f7af9f3fbe7f \
         fbfae5f3a78f1fdebf7bfbe6f5ab972f9e3f7bfae4f1a3870feedfbb7be7f6ad9b37ae5fbb7ae5f2a58b \
         17ce9f3b7be6f4a993278e1f3b7ae4f0a18307f6efdbbb67f7ae9d3bb66fdbba65f3a68d1bd6af5bbb66 \
         f5aa952b962f5bba64f1a2850be6cf9b3b67f6ac9933a64f9b3a65f2a48913fafb7a7bbabb3a3bdadb5a \
         5b9a9b1a1beaeb6a6baaab2a2bcacb4a4b8a8b0a0bf2f37273b2b33233d2d3525392931213e2e36263a2 \
         a32223c2c3424382830203fcfd7c7dbcbd3c3ddcdd5c5d9c9d1c1deced6c6dacad2c2dcccd4c4d8c8d0c \
         0df4f57475b4b53435d4d5545594951415e4e56465a4a52425c4c5444584850405f8f97879b8b93839d8 \
         d95859989918194a3252150a4b3393b315928af2cbf314d2f22b14b24a730b8a15f2cb528b1412157212 \
         ab2a1552f2d31512f3521480aaf34004580049194808a85347a13827bf3ca7d25a6168190b00",
    ),
    (
        "noise, level 6",
        "002c01d3fec67e816b4bfbe2fb54f6bddf7c1ce18701bf31de56720f4767668759aa883c59ea56137bd2 \
         85a1d83c54552f37ae655bda027998cce31a768e5fd9998f1f3f36ee43784d0dfabea6dae4868edc296d \
         4eff56e17020fb8fb1580590c509dc53cdaa3b489952d3529d069feab5c206139849b2011eac3288319c \
         52469571368f57f6391d16fa8874f5987c175c41bb6d718e0f7059c7011b2f333d91c01da50d0dab338d \
         7e5e8f3ee66874a63ab1c39311a864c7dbcae060e1f3bf090067a2e325a0213187d562c5a84f7e2e096b \
         949fb06da99e5a0b467080b6cf470ca6a52ad8acfba0ebb779247223924880c5a6a785b7d78c90e4ab63 \
         445266e39c3325f95eaaba73605d4b717ebea98c571971c3ca5ee52a33ac885166a17b7567649a69ef6f \
         5642a01d51c502f7bb924500",
    ),
    (
        "words, stored",
        "000501fafe74686520717569636b2062726f776e20666f78206a756d7073206f7665722061206c617a79 \
         20646f6720616e64207468656e2074686520646f67206a756d7073206f7665722074686520666f782c20 \
         736c6f776c793b2074686520717569636b2062726f776e20666f78206a756d7073206f7665722061206c \
         617a7920646f6720616e64207468656e2074686520646f67206a756d7073206f7665722074686520666f \
         782c20736c6f776c793b2074686520717569636b2062726f776e20666f78206a756d7073206f76657220 \
         61206c617a7920646f6720616e64207468656e2074686520646f67206a756d7073206f76657220746865 \
         20666f782c20736c6f776c793b2000",
    ),
];
