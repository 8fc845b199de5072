//! What stands before the server: the site of the Debian package says what the recipe does.

use super::read;

/// What a configuration of nginx has in `location /`, where it passes requests on to left out.
fn location(file: &str) -> Vec<String> {
    let text = read(file);
    let (_, behind) = text.split_once("location / {").unwrap();
    let lines = behind.split('}').next().unwrap().lines().map(str::trim);
    let is_kept = |line: &&str| !(line.is_empty() || line.starts_with("proxy_pass "));
    lines.filter(is_kept).map(str::to_owned).collect()
}

#[test]
fn the_packaged_site_of_nginx_has_the_lines_of_the_recipe() {
    let recipe = location("docs/proxies/nginx.conf");
    assert!(recipe.len() > 10, "{recipe:?}");
    assert_eq!(location("packaging/debian/nginx-site.conf"), recipe);
}
